"""From counts and a rubric to points: the fast scorer, its readable twin, decay, bands.

It is given counts and knows neither frames nor partitions; who keeps the counts is `pipeline.shard.shard`.
"""
