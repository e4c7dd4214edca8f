"""Source permissions that ship, as TOML: see `agents.config.sources_file`."""
