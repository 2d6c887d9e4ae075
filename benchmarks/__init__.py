"""Measurements of Hardneg: against peers, of quality, of speed, of the service. `python -m benchmarks` runs the small ones."""
