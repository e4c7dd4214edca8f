"""The worker's ports (`agents.ports`) on Kafka and Faust: its log, and the groups that give it partitions.

No decision is made here: what belongs to the worker's logic is in `agents.worker`, and what any other client of
Kafka can use too in `agents.kafka`.
"""
