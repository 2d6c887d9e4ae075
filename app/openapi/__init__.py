"""The OpenAPI document: bodies, the key and problem documents that FastAPI does not know of, and one example of each body."""
