"""Parity with other software, and what other software makes of our files."""
