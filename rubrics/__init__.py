"""The rubrics that ship with Pillarscore, read with `importlib.resources.files("rubrics")`."""
