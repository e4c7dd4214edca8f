"""Performance measurements: they print figures, and assert none."""
