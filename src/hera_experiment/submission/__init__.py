"""What is sent to Argo's server, and that it is sent once."""
