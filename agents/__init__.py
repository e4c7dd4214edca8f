"""What runs: the worker's roles, the ledger, the command line, the local broker."""
