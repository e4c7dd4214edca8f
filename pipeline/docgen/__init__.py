"""Reference pages that are made from the code of the pipeline.

Pages that need settings, metrics or the command line are made by `agents.docgen`.
"""
