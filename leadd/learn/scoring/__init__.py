"""The scorer that learns from verdicts, and what to ask the user next."""
