"""Reference pages that are made from the code of the agents: command line, metrics, topics.

Pages that need the pipeline alone are made by `pipeline.docgen`.
"""
