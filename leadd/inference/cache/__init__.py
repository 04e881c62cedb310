"""What was answered before: the key of an answer, and the tiers that keep it."""
