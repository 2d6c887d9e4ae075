"""Public names: what clients see instead of model folders and paths of this machine."""
