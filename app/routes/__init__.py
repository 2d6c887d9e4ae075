"""The routes: parse, call, shape. At most ten lines each, no try/except, no files."""
