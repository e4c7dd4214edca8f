"""`python -m agents.cli`: the same as `pillarscore`."""

from agents.cli import main

main()
