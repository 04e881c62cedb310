"""Prompts in use: what is in force, the cases before that, comparisons, experiments, proposals."""
