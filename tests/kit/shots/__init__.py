"""`make dashboards-shots`: every panel as Grafana's components draw it, on data from a real Prometheus."""
