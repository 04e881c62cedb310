"""What an embedding model reads of signals and ICPs. Raise `RECIPE` at every change: it names the vectors."""

from __future__ import annotations

from collections.abc import Mapping

from leadd.api import Icp, Signal
from leadd.api.lexical import sentences, significant_words, words
from leadd.inference.budget import latin_chars

RECIPE = "1"
MOST_CHARS = 1_200
"""About 300 tokens: what an advert is about stands in its title, its opening and the sentences that take up the title. They
tell better than the whole text does (AUC .91, .89, .92 against .87, .86, .89 on three kinds of roles), and far better than the
first 1,200 characters (.81, .72, .82): `benchmarks/vector_quality.py`."""
LEAST_CHARS = 200
_READ_CHARS, _MOST_SENTENCES = 30_000, 400
CHARS_PER_TOKEN = 2.0
"""On the safe side: a text that does not fit the window is refused, and a batch with it."""

PREFIXES: Mapping[str, tuple[str, str]] = {
    "nomic-embed": ("search_document: ", "search_query: "),
    "embeddinggemma": ("title: none | text: ", "task: search result | query: "),
    "e5-": ("passage: ", "query: "),
    "mxbai-embed": ("", "Represent this sentence for searching relevant passages: "),
}
"""What some models were trained to read before a text that is searched, and before one that searches; by a part of the name."""


def prefixes_of(model: str) -> tuple[str, str]:
    """What stands in front of a signal's text and of an ICP's sentence for this model; '' for models that want nothing."""
    name = model.lower()
    return next((pair for part, pair in PREFIXES.items() if part in name), ("", ""))


def budget_chars(window_tokens: int) -> int:
    """How much of a signal's text surely fits a window of so many tokens."""
    return max(LEAST_CHARS, min(MOST_CHARS, int(window_tokens * CHARS_PER_TOKEN * 0.8)))


def signal_text(signal: Signal, budget: int) -> str:
    """Title, opening, and the sentences that hold most of the title's words. The same for equal signals, whatever the ICPs."""
    title = signal.title[:300].strip()
    text = _cut(signal.text, title, max(LEAST_CHARS, budget - len(title)))
    return f"{title}\n{text}".strip() or "."


def _cut(text: str, title: str, budget: int) -> str:
    """A quarter of the budget for the opening, the rest for sentences by the title's words in them, in their own order.

    Not the excerpts that models are shown: those depend on the ICP, and may change without making kept vectors worthless.
    """
    if latin_chars(text) <= budget:
        return text
    found, quarter = sentences(text[:_READ_CHARS], limit=_MOST_SENTENCES), budget // 4
    spans = [(at, min(end, at + quarter)) for start, end in found for at in range(start, end, quarter)]
    wanted = frozenset(significant_words(title))
    told = [len(wanted.intersection(words(text[start:end]))) / (20 + end - start) ** 0.5 for start, end in spans]
    left = budget
    chosen: set[int] = set()
    order = sorted(range(len(spans)), key=lambda place: (spans[place][1] > quarter, -told[place], place))
    for place in order:
        cost = latin_chars(text[slice(*spans[place])]) + 1
        if cost <= left:
            chosen.add(place)
            left -= cost
    return " ".join(text[slice(*spans[place])] for place in sorted(chosen))


def icp_sentences(icp: Icp) -> list[str]:
    """What an ICP says, as sentences: its description, what is looked for, the signs of need."""
    said = [icp.description[:600]]
    for label, field in (("Looking for", icp.hiring_keywords), ("Signs of need", icp.pain_keywords)):
        if field.values and field.use != "exclude":
            said.append(f"{label}: {', '.join(word.rstrip('*') for word in field.values[:15])}"[:600])
    return said
