"""What a client needs to reach Kafka and prove who it is: TLS, SASL, tokens; and why Kafka has refused.

Nothing here knows topics or records; connections and clients are made in `agents.kafka`.
"""
