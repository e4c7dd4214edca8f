"""How a client reaches Kafka and proves who it is: TLS, SASL, tokens, and why Kafka has refused.

Nothing here knows topics or records; clients are made in `agents.kafka.clients`.
"""
