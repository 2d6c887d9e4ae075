"""Trainers read what we export, each in an environment of its own; their loaders against the linter."""
