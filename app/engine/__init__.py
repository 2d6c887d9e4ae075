"""What answers `POST /v1/mine`: a model kept loaded, corpora kept open, texts of simultaneous requests encoded together."""
