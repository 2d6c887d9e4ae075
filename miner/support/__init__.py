"""The ground, which imports nothing of ours: noise from ids, text normalisation, ordered parallel map, JSON keys, names of types."""
