"""What a rubric may say, and how a TOML file becomes one: components, bands, field types, lines of errors.

How points are worked out from it belongs to `pipeline.scoring.scorer`; where its file comes from to `agents.config`.
"""
