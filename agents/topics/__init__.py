"""The topics: which there are, making and checking them, seeing that one was made again, and the graph of them.

What is in their records belongs to `schemas`, reading and writing them to `agents.kafka`.
"""
