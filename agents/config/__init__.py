"""What a process is set to: settings, the rubric's file, the clock, logging, and errors that are the user's.

It talks to no Kafka; what a setting does belongs to the code that reads it.
"""
