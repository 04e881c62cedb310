"""How good a score is: recall, precision and their intervals, calibration."""
