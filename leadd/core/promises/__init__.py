"""Choosing by a threshold that is proven to keep its promise: scores, evidence, audits, lessons."""
