"""The pure core: no Kafka, no Faust, no clock, no file system (checked by import-linter)."""
