"""READ FIRST: retrieve, judge, choose. Arrays in, arrays out: pipeline, fallback levels, hub cap, near-duplicates in a row, verdicts."""
