"""Analysis of a finished run: explain one query, survey all queries, sweep settings, audit false negatives."""
