"""What earlier tasks have done: proven by the files they read, and taken over."""
