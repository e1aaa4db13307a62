"""What was submitted, written down before the request goes out."""
