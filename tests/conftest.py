"""What all tests share."""

from hypothesis import settings

# How long an example takes says something about the machine, not about the code under test.
settings.register_profile("house", deadline=None)
settings.load_profile("house")
