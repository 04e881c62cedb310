"""How many calls a model gets at a time, and who is served first."""
