"""What looks like a bought score, and what buying one takes; reports only, no score depends on it."""
