"""The OpenAPI document: what FastAPI does not know of our bodies, keys and refusals, and one example of each body."""
