"""Promises that hold however often one looks: certified thresholds, audits, drift, experiments, rare errors."""
