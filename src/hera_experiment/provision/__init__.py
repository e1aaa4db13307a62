"""What an experiment needs on a cluster: compared with what is there, and made."""
