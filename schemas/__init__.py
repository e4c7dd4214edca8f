"""What crosses a boundary: events, frames, scores, the ledger. Imports nothing of the project."""
