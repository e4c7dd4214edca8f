"""Answers for people from the state of members: explanations, trials, comparisons, teams, histories.

How they look on a screen belongs to `agents.screens`.
"""
