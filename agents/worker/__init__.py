"""The worker's own work: restoring partitions, committing, watching, repairing.

What a score is belongs to `pipeline`; how records get to Kafka and back belongs to `agents.kafka`.
"""
