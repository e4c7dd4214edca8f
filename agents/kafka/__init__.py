"""Talking to Kafka: making clients, connections, readers, transactions, and what aiokafka has to be helped with.

Nothing here knows what a topic is for or what a score is: topics are in `agents.topics`, what the records mean
belongs to `schemas` and to those who call.
"""
