"""Talking to Kafka: producers, transactions, readers, and what aiokafka has to be helped with.

Nothing here knows what a score is; what the records mean belongs to `schemas` and to those who call.
"""
