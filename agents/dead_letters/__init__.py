"""Dead letters: reading them, editing their events, and sending these again.

Why an event becomes a dead letter is decided by `pipeline.intake`.
"""
