"""How Argo names workflows, nodes and pods, and how long a name may be.

Source: ``NodeID`` in ``pkg/apis/workflow/v1alpha1/workflow_types.go``,
``workflow/util/pod_name.go``, ``workflow/common/common.go``, ``workflow/validate/validate.go`` and
``workflow/controller/controller.go`` of argoproj/argo-workflows; ``names/generate.go`` of
kubernetes/apiserver.
"""

from __future__ import annotations

import re
from functools import lru_cache

WORKFLOW_NAME = 63
"""Characters of a workflow's name: it becomes the value of a label."""

GENERATED_PREFIX = 58
"""Characters of a ``generateName`` that are kept before the random suffix."""

SUFFIX_LENGTH = 5
"""Characters of that suffix."""

FIELD_NAME_LENGTH = 128
"""Characters of the name of a template, a step or a task."""

POD_NAME_PREFIX = 242
"""Characters of a pod's name before the hyphen and the hash."""

TEMPLATE_DEPTH = 100
"""How deep templates may nest, recursion included."""

LABEL_COMPLETED = "workflows.argoproj.io/completed"
LABEL_PHASE = "workflows.argoproj.io/phase"
LABEL_CREATOR = "workflows.argoproj.io/creator"
EXPERIMENT_LABEL = "hera-experiment/experiment"
"""Ours, on each submitted object: the slug of the experiment it belongs to."""
SESSION_LABEL = "hera-experiment/session"
"""Ours, on each object submitted under ``run``: the run it belongs to."""
ANNOTATION_RUNTIME = "hera-utils/runtime"
"""Ours, on each workflow of a laptop: how its containers run; a retry uses the same."""
ANNOTATION_RESUME = "hera-utils/resume"
"""Ours, on a workflow that goes on with the laptop's of the same name: not empty."""
ANNOTATION_FROM = "hera-utils/from"
"""Ours, beside it: the tasks (names with spaces between) that run again, with what follows them."""
ANNOTATION_ONLY = "hera-utils/only"
"""Ours, beside it: the one task that runs."""
ANNOTATION_GOES_ON = "hera-utils/goes-on"
"""Ours, on a workflow of a cluster that goes on with another: the run that has the files."""
ANNOTATION_TASKS = "hera-utils/tasks"
"""Ours, on a workflow of a cluster: what decides what its tasks do, as digests."""
ANNOTATION_LIMITS = "hera-utils/limits"
"""Ours, on a workflow of a laptop whose containers have no more memory than they may have."""
ANNOTATION_CACHE = "hera-utils/cache"
"""Ours: not empty on a workflow that takes over what an earlier one has done just so."""
ANNOTATION_POD_NAMES = "workflows.argoproj.io/pod-name-format"
ANNOTATION_PROGRESS = "workflows.argoproj.io/progress"
ANNOTATION_SCHEDULED = "workflows.argoproj.io/scheduled-time"
ANNOTATION_DISPLAY_NAME = "workflows.argoproj.io/display-name"

FIELD_NAME = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*", re.ASCII)
"""A template, a step, a task."""

PARAMETER_NAME = re.compile(r"[-a-zA-Z0-9_]+", re.ASCII)
"""A parameter, an artifact."""

OBJECT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""A Kubernetes object (RFC 1123 subdomain)."""

DISPLAY_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-.]{0,61}[a-zA-Z0-9]", re.ASCII)

ACCESS_OF_ONE_POD = "ReadWriteOncePod"
ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", ACCESS_OF_ONE_POD)
"""The access modes of a claim, as Kubernetes lists them."""


@lru_cache(maxsize=256)
def fnv32a(text: str, value: int = 0x811C9DC5) -> int:
    """Return the 32-bit FNV-1a hash of ``text`` in UTF-8, or of what ``value`` is of and it."""
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def node_id(workflow: str, node_name: str) -> str:
    """Return the key of a node in ``status.nodes``."""
    return workflow if node_name == workflow else f"{workflow}-{fnv32a(node_name)}"


def pod_name(workflow: str, node_name: str, template: str) -> str:
    """Return the name of the pod of a node (format v2)."""
    if node_name == workflow:
        return workflow
    prefix = f"{workflow}-{template}" if template else workflow
    return f"{prefix[:POD_NAME_PREFIX]}-{fnv32a(node_name)}"


def generated_name(prefix: str, suffix: str) -> str:
    """Return what Kubernetes makes of ``metadata.generateName`` and a random suffix."""
    return prefix[:GENERATED_PREFIX] + suffix
