"""The worker's world in one process: a log, groups and a clock that stand still until they are moved.

`World` runs whole workers (ingest and score role) on it, kills them at any moment, and has Kafka's faults as methods.
Time passes only in `World.run`, as fast as the machine allows. Nothing here knows what is tested: no assertions
on scores.
"""
