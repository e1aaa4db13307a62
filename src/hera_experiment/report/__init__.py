"""The report of a run: one page that tells what it was, did and left, and needs nothing else."""
