"""What the service keeps: a data folder with blobs, corpora and runs, and a database that says what they are. Knows no HTTP."""

from app.state.folder import State, open_state

__all__ = ["State", "open_state"]
