"""Game day: each fault of a table is injected into a running installation, and its section of the runbook is
followed literally. `make gameday`; not a part of the tests."""
