"""What verdicts teach a model: examples without contact data, made models, and the test before one is taken."""
