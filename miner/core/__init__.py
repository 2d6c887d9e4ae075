"""READ FIRST: the two passes. Arrays in, arrays out, no files.

retrieval        pass 1: for each block of queries, candidates with scores and evidence; deeper for queries that run short
judging          which candidates may be negatives: the first filter that drops one is its reason
choosing         pass 2: judge, let the sampler rank what is left, take the best
ladder           fallback levels: how a short row still gets its negatives
hub_cap          how often one passage may be a negative
near_duplicates  no two negatives of a row that are nearly the same
verdicts         what people and models said of pairs
"""
