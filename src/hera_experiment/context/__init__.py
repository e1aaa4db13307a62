"""What a person said about the platform, and where."""
