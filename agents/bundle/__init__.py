"""Files outside of the packages, for operators and commands: where they are in the repository, and in the wheel."""
