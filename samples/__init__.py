"""What Pillarscore can be tried on: a simulated network, personas to calibrate rubrics on, and real activity of 2004.

Files are read with `importlib.resources.files("samples")`.
"""
