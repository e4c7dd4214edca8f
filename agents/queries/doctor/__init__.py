"""What is wrong with an installation, and what to do: `pillarscore doctor`. Changes and starts nothing."""
