"""The first question about a signal: worth a closer look? How it is put, and what its answer means beside other evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leadd.api import Icp, Method, Role, Signal, TriageAnswer
from leadd.core.answer_checks import check_triage
from leadd.core.prefilter import Keep
from leadd.core.questions import question_of
from leadd.inference import Question
from leadd.learn import Facts, Joined, Weights, log_odds, strength
from leadd.prompting import Rendered

YES = "yes"
NO = "no"

CONTENT_FREE = "N/A"
"""A text without content: what a model answers to it is its habit, and no evidence."""

SAID_ODDS = 1.5
"""Log-odds of a bare yes, of a model that shows no probabilities."""

_NOBODY = Signal(0, "", CONTENT_FREE, CONTENT_FREE, "", 0)


def question(icp: Icp, signal: Signal, rendered: Rendered, *, priority: int = 0) -> Question:
    """Worth a closer look? The answer is a TriageAnswer as plain values, whether it was asked by labels or by a schema."""
    return question_of(Role.TRIAGE, icp, signal, rendered, priority, lambda data: checked(data, signal))


def content_free_question(icp: Icp, rendered: Rendered, *, priority: int = 0) -> Question:
    """The same about a text without content; `rendered` shows `CONTENT_FREE` as title and text."""
    return question(icp, _NOBODY, rendered, priority=priority)


def checked(data: Mapping[str, Any], signal: Signal) -> dict[str, Any]:
    """A TriageAnswer as plain values, out of a label, of an object with `worth`, or of what this function gave before."""
    if "label" in data:
        data = {"worth": data["label"], "probability": data.get("probability")}
    return check_triage(data, signal)


def is_worth(data: Mapping[str, Any]) -> bool:
    """Whether a checked triage answer says yes."""
    return data.get("worth") is True


def odds_of(data: Mapping[str, Any], habit: float) -> float:
    """The log-odds of yes in a checked answer, over those that the model has by habit (for a text without content)."""
    share = data.get("probability")
    if share is None:
        return SAID_ODDS if is_worth(data) else -SAID_ODDS
    return log_odds(share) - habit


def reason_of(data: Mapping[str, Any], method: str) -> str:
    """One sentence on a triage answer, for the user."""
    answer = TriageAnswer.model_validate(data)
    who = "The evidence in the text" if method == Method.EVIDENCE else "Triage by the model"
    said = "says yes" if answer.worth else "says no"
    share = f" ({answer.probability:.0%} yes)" if answer.probability is not None else ""
    return f"{who} {said}{share}{': ' + answer.reason if answer.reason else '.'}"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a signal before a model is asked: the prefilter's word, and the cosine with the ICP, where known."""

    keep: Keep
    similarity: float | None = None

    @property
    def lexical(self) -> float | None:
        """The lexical strength (0 to 1); None where the prefilter is switched off and counted nothing."""
        if self.keep.threshold <= 0 and self.keep.score >= 100:
            return None
        return strength(self.keep.score, self.keep.threshold)

    def facts(self, asked: str, odds: float | None = None) -> Facts:
        """The same as what is weighed, with the log-odds of the model that was `asked`."""
        return Facts(self.lexical, odds, self.similarity, asked)

    def evidence(self, odds: float | None = None, content_free: float | None = None) -> dict[str, Any]:
        """The same for the journal: enough to weigh it again."""
        return {
            "prefilter": self.keep.score,
            "lexical": _rounded(self.lexical),
            "model": _rounded(odds),
            "content_free": _rounded(content_free),
            "embedding": _rounded(self.similarity),
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """What the evidence together says.

    `asked` names model and prompt; `said` is the model's own answer, None where it was not asked; `odds` is what that comes to
    beside `content_free`, the model's share of yes by habit; `stands_for` is how many signals the answer stands for.
    """

    known: Known
    asked: str
    joined: Joined
    weights: Weights
    worth_from: float
    said: Mapping[str, Any] | None = None
    odds: float | None = None
    content_free: float | None = None
    stands_for: int = 1

    @property
    def worth(self) -> bool:
        """Whether a closer look pays."""
        return self.joined.probability >= self.worth_from

    @property
    def answer(self) -> dict[str, Any]:
        """The answer as the journal keeps it: the joined word first, then all that it stands on."""
        said = self.said or {}
        return {
            "label": YES if self.worth else NO,
            "worth": self.worth,
            "probability": round(self.joined.probability, 4),
            "said": None if self.said is None else {"worth": said.get("worth"), "probability": said.get("probability")},
            "evidence": self.known.evidence(self.odds, self.content_free),
            "parts": self.joined.parts,
            "weights": {"version": self.weights.version, "verdicts": self.weights.verdicts},
            "stands_for": self.stands_for,
        }

    @property
    def reason(self) -> str:
        """One sentence for the user."""
        keep = self.known.keep
        told = ["prefilter off" if self.known.lexical is None else f"words {keep.score:g} of 100 (from {keep.threshold:g})"]
        if self.said is None:
            told.append("no answer of the model could change that")
        else:
            share = self.said.get("probability")
            word = YES if is_worth(self.said) else NO
            told.append(f"the model says {word}" + (f" ({share:.0%} yes)" if share is not None else ""))
        if self.known.similarity is not None:
            told.append(f"similarity {self.known.similarity:.2f}")
        by = f"; weighed by {self.weights.verdicts} verdicts" if self.weights.verdicts else ""
        word = YES if self.worth else NO
        return f"The evidence together says {word} ({self.joined.probability:.0%}): {', '.join(told)}{by}."


def facts_of(answer: Mapping[str, Any], asked: str) -> Facts | None:
    """What a journaled answer stood on; None for answers that were journaled before evidence was."""
    evidence = answer.get("evidence")
    if not isinstance(evidence, Mapping):
        return None
    lexical, odds, cosine = (_number(evidence.get(name)) for name in ("lexical", "model", "embedding"))
    return Facts(lexical, odds, cosine, asked)


def asked_name(digest: str, prompt_hash: str) -> str:
    """Names a model with a prompt (`digest/prompt hash`): their answers can be compared with each other."""
    return f"{digest}/{prompt_hash}"


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
