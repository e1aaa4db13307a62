"""Ways of running containers on this machine: as processes, or in a container engine."""
