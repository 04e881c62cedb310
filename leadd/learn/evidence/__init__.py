"""What triage stands on: words, the model's word and vectors, joined into one probability."""
