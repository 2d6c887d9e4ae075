"""A real server on loopback: load, limits, kills, attacks."""
