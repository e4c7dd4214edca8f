"""Sending events to Kafka: from files, at a pace, the samples, and the copies that are kept of them.

Whether an event is valid is not judged here but by the pipeline.
"""
