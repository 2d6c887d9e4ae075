"""The `hardneg` command: the library's verbs, and the service's, which are imported only when they run."""

from app.cli.verbs import app, main

__all__ = ["app", "main"]
