"""Scores from files, without Kafka, and the comparison of live scores with them.

The state of a run is `pipeline.shard`; this is where files become one.
"""
