"""The one text among many that a model cannot embed."""

from __future__ import annotations

from leadd.api import Failure, ModelFailure


class TextFault(ModelFailure):
    """A failure that is one text's own: without the text at `place` (from 0, among those handed in) the rest may go."""

    def __init__(self, kind: Failure, message: str, *, place: int, model: str = "") -> None:
        super().__init__(kind, message, model=model)
        self.place = place
