"""Backups of what can't be computed again, restores into another Kafka, and other numbers of partitions.

A backup is a folder: a manifest, and a Parquet file for each partition of the topics in `KEPT`.
"""
