"""What a run was, is and left: one account of it, the same for laptop and cluster."""
