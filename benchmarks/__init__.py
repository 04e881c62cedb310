"""What leadd takes and gives, measured; see README.md. Run with `python -m benchmarks`."""
