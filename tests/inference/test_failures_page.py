"""docs/failures.md says of each failure what the table does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leadd.api import Failure
from leadd.inference import is_outage
from leadd.inference.retries import RULES, Change

PAGE = (Path(__file__).parents[2] / "docs" / "failures.md").read_text(encoding="utf-8")
OUTAGES, FAULTS = PAGE.split("## Faults")


@pytest.mark.parametrize("kind", Failure)
def test_each_failure_has_its_row_under_the_right_heading(kind):
    part = OUTAGES if is_outage(kind) else FAULTS
    rows = [line for line in part.splitlines() if line.startswith(f"| `{kind.value}` |")]
    assert len(rows) == 1
    rule = RULES[kind]
    if not is_outage(kind):
        assert ("none more" in rows[0]) == (rule.times == 0)
        assert ("temperature + 0.4" in rows[0]) == (rule.change is Change.WARMER)
        assert ("twice the tokens" in rows[0]) == (rule.change is Change.LONGER)
    times = re.search(r"(\d) more", rows[0])
    assert int(times[1] if times else 0) == rule.times
