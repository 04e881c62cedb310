"""Made-up ads for the tests of this room; the parts are in made_up.py beside this file."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
