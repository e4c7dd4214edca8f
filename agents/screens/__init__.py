"""How answers look: on a terminal, as JSON, CSV, Parquet, HTML and pictures.

What is in them is worked out by `pipeline.reports` and `agents.queries`.
"""
