"""Follows workflows on the laptop and on a cluster alike, and tells a person about them."""
