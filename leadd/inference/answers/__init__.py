"""From what a server sends to an answer that passed every rule, or a failure by name."""
