"""The probe: tries on the cluster, with one small workflow, what the experiment needs."""
