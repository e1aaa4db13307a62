"""A run as a Workflow Run RO-Crate: to be cited, deposited, and run again from what it holds."""
