"""Where the evidence on the signals of one ICP is weighed: how each kind is spread, and what verdicts have taught of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leadd.learn.evidence.spread import Spread
from leadd.learn.evidence.weighing import PRIOR, Evidence, Example, Joined, Weights, fit, join, outlook

LIKELY_DEVIATION = 2.0
"""The deviation of a model's log-odds that is assumed before any is seen."""

SCALE_FROM = 30
"""So many similarities have to be seen before one of them means anything: every embedding model has a scale of its own."""

FIRST_ANSWERS = 50
"""So many answers of a model are wanted first, also on signals where they change nothing: they show what it is worth."""

SAMPLED_IN = 10
"""Of the signals on which a model's answer changes nothing, one in so many is asked about afterwards, to go on seeing that."""

_MODELS = 4


@dataclass(frozen=True, slots=True)
class Facts:
    """What was measured of one signal, None where it was not: `lexical` strength (0 to 1), the `model`'s log-odds of yes
    against those for a text without content, the cosine (`embedding`) with the ICP. `asked` names model and prompt."""

    lexical: float | None = None
    model: float | None = None
    embedding: float | None = None
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """A signal whose end is known: worth a look or not, and how many like it stand behind it."""

    facts: Facts
    worth: bool
    weight: float = 1.0


class Desk:
    """The weighing for one ICP. Each model, with each prompt, has a spread and weights of its own."""

    def __init__(self) -> None:
        self._embedding = Spread(unknown_until=SCALE_FROM)
        self._models: dict[str, Spread] = {}
        self._known: tuple[Known, ...] = ()
        self._verdicts = 0
        self._fits: dict[str, Weights | None] = {}

    def note(self, facts: Facts, weight: float = 1.0) -> None:
        """Take in a signal that was triaged; `weight` signals like it were not asked about."""
        if facts.embedding is not None:
            self._embedding.note(facts.embedding, facts.lexical)
        if facts.model is not None:
            self._spread(facts.asked).note(facts.model, facts.lexical, weight)

    def learn(self, known: Sequence[Known], verdicts: int) -> None:
        """Replace what is known of the ends of signals; `verdicts` of them a person judged."""
        self._known, self._verdicts = tuple(known), verdicts
        self._fits.clear()

    def is_ready(self, asked: str) -> bool:
        """False where `prepare` has work to do."""
        return asked in self._fits

    def prepare(self, asked: str) -> None:
        """Fit the weights for one model and prompt; takes milliseconds, and numpy: meant for a thread."""
        if not self._verdicts:
            self._fits[asked] = None
            return
        examples = [Example(self._evidence(k.facts, asked), k.worth, k.weight) for k in self._known]
        self._fits[asked] = fit(examples, self._prior(asked), verdicts=self._verdicts)

    def weights(self, asked: str) -> Weights:
        """The weights in force: fitted ones where there are, else the prior by what each kind is trusted."""
        return self._fits.get(asked) or self._prior(asked)

    def join(self, facts: Facts, asked: str) -> Joined:
        """The probability that a signal is worth a look, by all that is known of it."""
        return join(self._evidence(facts, asked), self.weights(asked))

    def stands_for(self, facts: Facts, asked: str, worth_from: float, draw: int) -> int:
        """How many signals an answer of the model on this one would stand for: 1 where it can change what comes of it.

        Where it cannot, 0 (do not ask), or for one in `SAMPLED_IN`, by `draw` (any whole number that belongs to the signal),
        as many as are left out; and 1 as long as too little is known of the model to leave it out anywhere.
        """
        least, highest = outlook(self._evidence(facts, asked), self.weights(asked))
        if least < worth_from <= highest or self._spread(asked).count < FIRST_ANSWERS:
            return 1
        return SAMPLED_IN if draw % SAMPLED_IN == 0 else 0

    def trust(self, asked: str) -> tuple[float, float]:
        """How far the model and the similarity are trusted without verdicts, 0 to 1 each."""
        return self._spread(asked).trust, self._embedding.trust

    def _prior(self, asked: str) -> Weights:
        return PRIOR.trusting(*self.trust(asked))

    def _evidence(self, facts: Facts, asked: str) -> Evidence:
        said = facts.model if facts.asked == asked else None  # another model's numbers mean something else
        return Evidence(facts.lexical, self._spread(asked).standing(said), self._embedding.standing(facts.embedding))

    def _spread(self, asked: str) -> Spread:
        found = self._models.get(asked)
        if found is not None:
            return found
        found = self._models[asked] = Spread(deviation=LIKELY_DEVIATION)
        if len(self._models) > _MODELS:
            gone = next(iter(self._models))
            del self._models[gone]
            self._fits.pop(gone, None)
        return found
