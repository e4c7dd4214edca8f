"""Files of events: NDJSON, Parquet, compressed or not, and what in them is no event.

Scores that are written to files belong to `agents.screens`.
"""
