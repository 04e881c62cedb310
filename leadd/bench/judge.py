"""The one judge of all ways: it knows the truth about each text and answers as noisily as a small model would.

For every text it draws a latent value per model and kind of question: a normal distribution around +d/2 for a lead and -d/2 for
anything else, d being what the stated AUC asks for (d = √2 · Φ⁻¹(AUC); Green and Swets 1966). Half of the noise is the text's
own, common to all models and questions (a text that fools one fools the other), half belongs to the model and the question.
The same text always gets the same answer, whoever asks and however the prompt is laid out.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from leadd.bench.earlier import OPENS, full_answer, signal_in
from leadd.bench.signals import BenchSignal
from leadd.testing.ollama import Question, Reading, read_signal

COMMON_NOISE = 0.5
"""The share of the noise's variance that all models and questions have in common for one text."""
OPENING = 20
"""So many letters of a text's beginning are one of the names under which it is looked for."""
BODY = 40_000
SHORTEST, LONGEST, PIECES = 12, 200, 12
"""Letters of the pieces of a shown text that are looked for, and how many pieces."""
LARGE_FROM_B = 3.0
"""Billions of parameters, by the name, from which a model has the abilities of a large one."""

_NORMAL = NormalDist()
_GAPS = re.compile(r"\[…\]|…|\[\d+\]")
_LETTERS = re.compile(r"[^\W\d_]+")
_BILLIONS = re.compile(r"(\d+(?:\.\d+)?)(b|m)\b")


@dataclass(frozen=True, slots=True)
class Ability:
    """How well one model answers one kind of question.

    Triage: `auc` of its probability, and by how much its log-odds lean to yes (small models say yes too readily). Full answers:
    `auc` of the grounds for its verdict, and `false_yes`, the share of other texts that it calls a lead all the same.
    """

    auc: float
    lean: float = 0.0
    false_yes: float = 0.1

    @property
    def distance(self) -> float:
        """How far apart leads and other texts lie, in standard deviations of the noise."""
        return math.sqrt(2) * _NORMAL.inv_cdf(self.auc)

    @property
    def verdict_from(self) -> float:
        """The latent value from which the verdict is yes."""
        return -self.distance / 2 + _NORMAL.inv_cdf(1 - self.false_yes)

    @property
    def true_yes(self) -> float:
        """The share of leads that it calls so."""
        return 1 - _NORMAL.cdf(self.verdict_from - self.distance / 2)


TRIAGE = {"small": Ability(auc=0.80, lean=1.0), "large": Ability(auc=0.88, lean=0.5)}
FULL = {"small": Ability(auc=0.93, false_yes=0.12), "large": Ability(auc=0.96, false_yes=0.08)}


@dataclass(frozen=True, slots=True)
class JudgedReading(Reading):
    """How a text reads for the judge: its yes or no, how sure it is of it, and how strong the case is, 0 to 1."""

    yes: bool = False
    sure: float = 0.5
    power: float = 0.0

    @property
    def worth(self) -> bool:
        return self.yes

    @property
    def match(self) -> bool:
        return self.yes

    @property
    def strength(self) -> float:
        return self.power

    @property
    def certainty(self) -> float:
        return min(0.999, max(0.5, self.sure))


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of one text: whether it is a lead, and its letters, by which it is found again in a prompt."""

    title: str
    company: str
    body: str
    is_lead: bool

    @classmethod
    def of(cls, signal: BenchSignal) -> Truth:
        """The truth about a signal; where nobody knows it, what the fake Ollama's own judge sees in its words."""
        shown = {"title": signal.title, "text": signal.text}
        is_lead = read_signal(shown, "").match if signal.is_lead is None else signal.is_lead
        return cls(letters(signal.title), letters(signal.company or ""), letters(signal.text)[:BODY], is_lead)


class Judge:
    """Answers what is asked about the texts that it knows. What it does not know (a content-free text) it leans on alone."""

    def __init__(self, truths: Iterable[Truth]) -> None:
        self._by_name: dict[str, list[Truth]] = {}
        for truth in truths:
            for name in {truth.title, truth.company, truth.body[:OPENING]} - {""}:
                self._by_name.setdefault(name, []).append(truth)
        self.unknown = 0

    def __call__(self, question: Question) -> str | Reading | None:
        """A reading for leadd's questions, the whole text of the answer for the earlier system's, None for dossiers."""
        prompt = question.user_text
        shown: Mapping[str, str] = signal_in(prompt) if OPENS in prompt else question.signal
        fields = _fields_of(question.schema)
        if "snapshot" in fields:
            return None
        truth = self.find(shown)
        if OPENS in prompt:
            return full_answer(self.full(shown, prompt, truth, question.model))
        if fields & {"match", "icp_match"}:
            return self.full(shown, prompt, truth, question.model)
        return self.triage(shown, prompt, truth, question.model)

    def find(self, shown: Mapping[str, str]) -> Truth | None:
        """The truth about what a prompt shows: texts may be cut, and their sentences numbered.

        Of those that share title, company or opening, the one that holds most of the pieces that are shown.
        """
        title, company = letters(shown.get("title") or ""), letters(shown.get("company") or "")
        pieces = [letters(piece) for piece in _GAPS.split(shown.get("text") or "")]
        pieces = [piece[:LONGEST] for piece in pieces if len(piece) >= SHORTEST][:PIECES]
        names = {title, company, *(piece[:OPENING] for piece in pieces[:1])} - {""}
        found = (truth for name in names for truth in self._by_name.get(name, ()))
        marks = ((sum(p in t.body for p in pieces), t.company == company, t.title == title, t) for t in found)
        best = max(marks, key=lambda mark: mark[:3], default=None)
        if best is None or best[0] * 2 < len(pieces) or not (pieces or best[1]):
            self.unknown += 1
            return None
        return best[3]

    def triage(self, shown: Mapping[str, str], prompt: str, truth: Truth | None, model: str) -> JudgedReading:
        """Worth a closer look? The log-odds are those of the latent value, shifted by the model's leaning."""
        ability = TRIAGE[size_of(model)]
        odds = ability.lean + (0.0 if truth is None else ability.distance * latent(truth, ability, f"{size_of(model)} triage"))
        p = 1 / (1 + math.exp(-odds))
        return _reading(shown, prompt, yes=p >= 0.5, sure=max(p, 1 - p), power=p)

    def full(self, shown: Mapping[str, str], prompt: str, truth: Truth | None, model: str) -> JudgedReading:
        """A lead, and how strong? A clear yes lies far above the threshold, points rise with the distance from it."""
        ability = FULL[size_of(model)]
        above = -1.0 if truth is None else latent(truth, ability, f"{size_of(model)} full") - ability.verdict_from
        return _reading(shown, prompt, yes=above >= 0, sure=0.98, power=1 / (1 + math.exp(-0.3 - 1.1 * above)))


def latent(truth: Truth, ability: Ability, asked: str) -> float:
    """The latent value of a text for one model and kind of question, always the same."""
    own = math.sqrt(COMMON_NOISE) * _noise(truth, "text") + math.sqrt(1 - COMMON_NOISE) * _noise(truth, asked)
    return (ability.distance / 2 if truth.is_lead else -ability.distance / 2) + own


def size_of(model: str) -> str:
    """Whether a model has the abilities of a small or of a large one, by the number of parameters in its name."""
    match = _BILLIONS.search(model.lower())
    billions = float(match[1]) / (1 if match[2] == "b" else 1000) if match else 0.0
    return "large" if billions >= LARGE_FROM_B else "small"


def letters(text: str) -> str:
    """The letters of a text alone: what stays the same when it is cleaned, quoted, or its sentences are numbered."""
    return "".join(_LETTERS.findall(text)).lower()


def stated(models: Sequence[str]) -> list[str]:
    """What is stated of the judge, in lines for the report."""
    lines = []
    for size in dict.fromkeys(size_of(model) for model in models):
        names = ", ".join(model for model in dict.fromkeys(models) if size_of(model) == size)
        full = FULL[size]
        lines.append(
            f"{names}: triage AUC {TRIAGE[size].auc:.2f} (log-odds lean {TRIAGE[size].lean:+.1f} to yes); full answers AUC "
            f"{full.auc:.2f}, yes to {full.true_yes:.0%} of leads and to {full.false_yes:.0%} of others"
        )
    return lines


def _noise(truth: Truth, what: str) -> float:
    """A standard normal number that belongs to a text and a word."""
    digest = hashlib.blake2b(f"{what}\0{truth.title}\0{truth.body}".encode(), digest_size=8).digest()
    return _NORMAL.inv_cdf((int.from_bytes(digest, "big") + 0.5) / 2**64)


def _reading(shown: Mapping[str, str], prompt: str, *, yes: bool, sure: float, power: float) -> JudgedReading:
    plain = read_signal(shown, prompt)
    return JudgedReading(plain.text, plain.weight, plain.hits, plain.seed, plain.low, yes=yes, sure=sure, power=power)


def _fields_of(schema: Mapping[str, Any] | None) -> frozenset[str]:
    return frozenset((schema or {}).get("properties", {}))
