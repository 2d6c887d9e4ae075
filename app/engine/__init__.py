"""The engine behind `POST /v1/mine`: a loaded model, open corpora, batched encoding and search of simultaneous requests."""
