"""Prometheus' rules: `make rules` generates those of the SLOs, and writes addresses into all alerts."""
