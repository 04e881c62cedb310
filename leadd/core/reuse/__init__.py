"""Answers of earlier signals: of exact twins, and of near duplicates once that is certified."""
