"""The runs of an experiment, wherever they are: found by name, or the newest."""
