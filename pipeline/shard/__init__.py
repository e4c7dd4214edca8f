"""The state of one partition of members: what frames do to it, what it emits, how it is kept and restored.

It does no I/O: who feeds, commits and restores a shard is `agents.worker`.
"""
