"""Writes the recorded answers of the shipped prompts: python tests/prompting/record_shipped.py

They come from the faithful server of leadd.testing, which is told by each case what to think of its text: shapes, lengths,
enumerations and log-probabilities are as a server sends them, but nobody's judgement is in them. The recordings say so.
"""

from __future__ import annotations

import asyncio
import logging
import re
import tempfile
import uuid
from dataclasses import replace
from pathlib import Path

from leadd.api import Role, SystemClock
from leadd.builtin.ollama import OllamaConfig, OllamaModel
from leadd.core.prompts.prompt_cases import ROLES, ask_case, signal_of
from leadd.inference import Inference, InferenceSettings, RolePlan
from leadd.prompting import PromptBook, packaged_folder
from leadd.prompting.cases import Case, CaseShelf, Recorded, write_recordings
from leadd.testing.context import make_context
from leadd.testing.ollama import FakeOllama, Question, Reading, read_signal

MODEL = "leadd.testing.ollama in the place of {}, told the verdict: no model"
PLANS = {
    Role.TRIAGE: RolePlan("ollama", "gemma3:1b", 2048),
    Role.CLASSIFY: RolePlan("ollama", "gemma3:4b", 4096),
    Role.DOSSIER: RolePlan("ollama", "gemma3:4b", 4096),
}


class Told:
    """Reads a text as its case says it should be read."""

    def __init__(self) -> None:
        self.case: Case | None = None

    def __call__(self, question: Question) -> Reading:
        reading = read_signal(question.signal, question.user_text)
        assert self.case is not None
        if not worth(self.case):
            return replace(reading, weight=0, hits=())
        words = re.findall(r"\w{4,}", signal_of(self.case).text)
        wanted = [str(w) for w in _listed(self.case.expect.get("quote_contains"))]
        return replace(reading, weight=max(9, reading.weight), hits=tuple(wanted) or reading.hits or tuple(words[:2]))


def worth(case: Case) -> bool:
    """Whether the case says that its text is worth something."""
    expect = case.expect
    return expect.get("label", "yes") == "yes" and expect.get("match", expect.get("icp_match", True)) is True


def _listed(value: object) -> list[object]:
    return [] if value is None else list(value) if isinstance(value, list) else [value]


async def record(inference: Inference, told: Told) -> bool:
    """Ask every case of every shipped prompt and write what came."""
    book, shelf, good = PromptBook([packaged_folder()]), CaseShelf([packaged_folder()]), True
    book.load()
    for name in ROLES:
        file = shelf.of(name)
        assert file is not None, name
        assert not file.problems, file.problems
        answers: dict[str, list[Recorded]] = {}
        for case in file.cases:
            told.case = case
            result, recorded = await ask_case(inference, book.pick(name), case, fresh=uuid.uuid4().hex)
            if recorded is not None:
                answers[case.id] = [replace(recorded, model=MODEL.format(recorded.model))]
            if result.standing != "ok":
                good = False
                print(f"{name} {case.id}: {'; '.join(result.reasons)}")
        write_recordings(file, answers)
        print(f"{name}: {len(answers)} of {len(file.cases)} recorded")
    return good


async def main() -> bool:
    told = Told()
    with tempfile.TemporaryDirectory() as folder:
        async with FakeOllama(time_scale=0, oracle=told) as fake:
            model = OllamaModel(OllamaConfig(endpoint=fake.url), make_context(Path(folder), clock=SystemClock()))
            await model.open()
            inference = Inference(
                {"ollama": model},
                PLANS,
                settings=InferenceSettings(slots=1),
                clock=SystemClock(),
                log=logging.getLogger("record"),
            )
            await inference.open()
            try:
                return await record(inference, told)
            finally:
                await inference.close()
                await model.close()


if __name__ == "__main__":
    raise SystemExit(0 if asyncio.run(main()) else 1)
