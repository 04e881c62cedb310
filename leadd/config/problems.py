"""What can be wrong with settings, as a list that names every place at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leadd.api.errors import LeaddError


@dataclass(frozen=True, slots=True)
class SettingsProblem:
    """One thing that is wrong. `place` is file:line:column, `environment NAME`, `flag` or `profile NAME`."""

    place: str
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.place, self.key, self.message) if part)
        return f"{text} ({self.hint})" if self.hint else text


class SettingsError(LeaddError):
    """Settings that cannot be used; leadd ends with exit code 78. `problems` is never empty."""

    def __init__(self, problems: Sequence[SettingsProblem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = list(problems)
