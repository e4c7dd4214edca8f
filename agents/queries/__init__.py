"""Questions about a running Pillarscore that Kafka alone answers: status, live state, scores, ranks, losses.

Nothing here changes anything (but for `losses.resolve`), and no worker is asked.
"""
