"""Cohorts: who is in which, the distributions of their scores, ranks and benchmarks.

It is given scores and knows neither how they are worked out nor which partition they are of.
"""
