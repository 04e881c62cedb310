"""Lets the tests run before the package is installed."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "src"))
