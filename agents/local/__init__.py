"""What runs on this machine for a user who has no Kafka: a broker, its jars, ports, a whole stack.

It is for trying things out and for tests; a worker never needs it.
"""
