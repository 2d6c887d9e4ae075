"""Finished studies, each with the commit it ran at; run from the root of the repository."""
