"""From records to frames: validate, credit both sides, hash ids, sort by member partition.

What a row does to a member belongs to `pipeline.shard.shard`; where records come from to `agents`.
"""
