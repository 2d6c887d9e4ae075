"""The routes: parse the request, call the service, shape the answer. At most ten lines each, no try/except, no files."""
