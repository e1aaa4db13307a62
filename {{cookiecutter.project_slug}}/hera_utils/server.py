"""Argo's server: reached, signed in to, and handed to Hera."""

from __future__ import annotations

from hera_experiment import ArgoServerAccess, Cluster, Context, KubernetesRefusal, UserError


class ArgoServer(ArgoServerAccess):
    """The Argo server of ``args``, the laptop's for the platform ``local``; not asked yet.

    A method ``assert_…`` that is added here and needs no argument is a check of
    ``make check-cluster`` and of each submission, too.
    """

    def assert_accessible(self) -> bool:
        """Assert that the server answers and lets the token list the namespace's workflows.

        Where no token is given the ways to one are tried in turn, and the first that the server
        accepts is used from then on.

        Raises
        ------
        UserError
            When there is no answer, or no way is accepted; it names each way and why.
        """
        refusals = self.refusals()
        if not refusals:
            return True
        source = self.args.where("argo_token") or self.where
        if len(refusals) == 1:
            refusal = refusals[0][1]
            if isinstance(refusal, KubernetesRefusal):
                raise refusal
            raise UserError(refusal.what, source, refusal.next_step)
        reasons = "; ".join(f"with {who}: {why.what.partition('; ')[0]}" for who, why in refusals)
        raise UserError(
            f"no account at hand may list workflows in '{self.namespace}': {reasons}",
            source,
            "set ARGO_TOKEN, or ask the administrator for an account that may",
        )

    def define_argo_server_part_of_environment(self) -> None:
        """Hand this server to Hera, so that a script's own ``w.create()`` submits to it."""
        from hera_utils.environment_of_submission import EnvironmentOfSubmission

        EnvironmentOfSubmission(self).define()

    def print_config(self) -> None:
        """Print the address, the namespace and whose token is used; no secrets."""
        print(f"Argo server: {self.url}")
        print(f"  namespace:       {self.namespace}")
        print(f"  service account: {self.service_account or 'the default one'}")
        print(f"  token:           {self.account}")
        if self.token_ends:
            print(f"  token ends:      {self.token_ends}")


class argo_server(ArgoServer):
    """The same, asserted to be accessible; ``cluster`` is what ``k8s_cluster(args)`` returned."""

    def __init__(self, cluster: Cluster, args: Context) -> None:
        super().__init__(cluster, args)
        self.assert_accessible()
