"""Signing in to a cluster: ask, try, write ``clusters/NAME.config``."""
