"""Judges workflows before they are submitted: Argo's verdict, and what it trips over."""
