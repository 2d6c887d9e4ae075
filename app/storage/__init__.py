"""What clients keep here: files, corpora in versions, reviews. Knows no HTTP."""
