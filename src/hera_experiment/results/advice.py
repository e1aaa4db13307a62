"""What to ask an administrator for, where results cannot be fetched or data not be copied."""

from __future__ import annotations

from hera_experiment.check.rights import Right, grant
from hera_experiment.errors import UserError
from hera_experiment.platform.kubernetes_access import KubernetesAccess

READER = (
    Right("", "pods", ("create", "get", "list", "delete")),
    # A web socket is opened by "get"; newer versions of Kubernetes ask for "create" too.
    Right("", "pods/exec", ("get", "create")),
)

_SECRET = Right("", "secrets", ("get",))
_REPOSITORY = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: artifact-repositories
  namespace: {namespace}
  annotations: {{workflows.argoproj.io/default-artifact-repository: default}}
data:
  default: |
    s3:
      endpoint: ENDPOINT
      bucket: BUCKET
      accessKeySecret: {{name: SECRET, key: accesskey}}
      secretKeySecret: {{name: SECRET, key: secretkey}}
"""


def rights(namespace: str, user: str) -> str:
    """Return the YAML by which ``user`` may start a pod and run programs in it."""
    return grant("hera-experiment-reader", namespace, user or "USER", *READER)


def repository(namespace: str, user: str) -> str:
    """Return the YAML of an artifact repository that ``user`` may read; capitals to fill in.

    Argo's server in mode client reads an artifact with the rights of whoever asks for it.
    """
    right = grant("hera-experiment-artifacts", namespace, user or "USER", _SECRET)
    right = right.replace("verbs: [get]", "resourceNames: [SECRET], verbs: [get]")
    return f"{_REPOSITORY.format(namespace=namespace)}---\n{right}"


def user_of(cluster: KubernetesAccess) -> str:
    """Return what Kubernetes calls the user of the kubeconfig; empty where it does not say."""
    from kubernetes.client import AuthenticationV1Api, V1SelfSubjectReview

    try:
        review = AuthenticationV1Api(cluster.api).create_self_subject_review
        answer = cluster.ask("ask who you are", review, V1SelfSubjectReview())
    except UserError:
        return ""
    info = answer.status.user_info if answer.status else None
    return str(info.username) if info and info.username else ""
