"""leadd: a local daemon that finds the few texts in which a company shows a need you can serve."""

__version__ = "0.1.0"
