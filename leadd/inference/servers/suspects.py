"""Texts that take the server down: told from a server that is down by the others that were answered in between."""

from __future__ import annotations

from collections import OrderedDict

from leadd.api import Failure, ModelFailure
from leadd.inference.servers.states import ModelState

TIMES = 3
_KEPT = 1024
_KINDS = frozenset({Failure.SERVER_ERROR, Failure.UNREACHABLE, Failure.OUT_OF_MEMORY})


class Suspects:
    """Counts outages by question. Without it one text that kills the server would wait and kill it again, for ever."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def judge(self, key: str, state: ModelState, failure: ModelFailure) -> ModelFailure:
        """The failure to go on with: `crashed`, charged to the text, where it failed so often and others did not."""
        if failure.kind not in _KINDS:
            return failure
        times, answers_before = self._seen.pop(key, (0, state.answers))
        times += 1
        if times >= TIMES and state.answers > answers_before:
            message = f"{times} times '{failure.kind}' at this text while others were answered ({failure.message})"
            return ModelFailure(Failure.CRASHED, message, raw=failure.raw, model=state.name)
        self._seen[key] = (times, answers_before)
        if len(self._seen) > _KEPT:
            self._seen.popitem(last=False)
        return failure

    def clear(self, key: str) -> None:
        """The question was answered."""
        self._seen.pop(key, None)
