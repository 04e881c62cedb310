"""`leadd bench`: what leadd is worth on this machine, measured against how an earlier system asked the same models."""

WAY_NAMES = ("earlier", "leadd", "verdicts", "repeats", "earlier-repeats", "no-logprobs", "large", "verdict-only")
"""The ways that `leadd bench inference` compares, by name; `leadd.bench.ways` says what each is."""
