"""The seam for files: open, write whole or not at all, hash, rows in every kind of file, scratch folders."""
