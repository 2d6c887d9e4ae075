"""Looking back at a run: explain one query, survey all, sweep settings, audit false negatives."""
