"""The checks, one file a family; the table ``CHECKS`` at its end declares them."""
