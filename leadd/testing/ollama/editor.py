"""An oracle that proposes edits of a prompt, and judges better where a phrase stands in the instructions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from leadd.testing.ollama.oracle import STRONGEST, Question, Reading, read_signal


class Editor:
    """Put it into `FakeOllama.set_oracle`.

    `truth` tells of a signal whether it is wanted (None: the built-in judge says what it thinks). Without `phrase` in the
    instructions everything counts as wanted, with it `truth` is told. Asked for edits, it gives the next of `proposals` (the
    last one for ever), each a list of {find, replace, why}. `asked` counts what it was asked, `prompts` keeps the requests for
    edits as they came.
    """

    def __init__(
        self, truth: Callable[[Mapping[str, str]], bool | None], phrase: str, proposals: Sequence[Sequence[Mapping[str, str]]]
    ) -> None:
        self.truth = truth
        self.phrase = phrase
        self.proposals = list(proposals)
        self.asked = 0
        self.prompts: list[str] = []

    def __call__(self, question: Question) -> str | Mapping[str, Any] | Reading | None:
        """The answer to one question."""
        self.asked += 1
        if "edits" in (question.schema or {}).get("properties", {}):
            self.prompts.append(question.user_text)
            given = self.proposals[min(len(self.prompts), len(self.proposals)) - 1]
            return json.dumps({"edits": list(given)})
        wanted = self.truth(question.signal)
        if wanted is None:
            return None
        knows = any(self.phrase in str(message.get("content", "")) for message in question.messages)
        found = read_signal(question.signal, question.user_text)
        weight = STRONGEST if wanted or not knows else 0
        return Reading(found.text, weight, found.hits, found.seed, found.low)
