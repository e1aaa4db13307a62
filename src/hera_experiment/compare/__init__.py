"""Two runs beside each other: what went in, what came out, and which task made the difference."""
