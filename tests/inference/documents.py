"""Random JSON documents, written in every way that JSON allows, and texts that are almost JSON."""

from __future__ import annotations

import random
from typing import Any

LETTERS = [
    "a",
    "B",
    " ",
    '"',
    "\\",
    "/",
    "\n",
    "\t",
    "\x08",
    "\x7f",
    "é",
    "€",
    "😀",
    "\u2028",
    "\ud83d",
    "\ude00",
    "{",
    "]",
    ",",
    ":",
]
"""Among them two lone surrogates, which `json` passes through, and marks that mean something outside texts."""

NUMBERS = ["0", "-0", "7", "-12", "3.5", "-0.0", "1e5", "1E+5", "2e-3", "0.10", "12345678901234567890", "1e400", "-1.5E-300"]
BLANKS = ["", "", "", " ", "\n", "\t", "\r\n", "  \n  "]
SHORT = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\n": "\\n", "\t": "\\t", "\x08": "\\b"}


def document(rng: random.Random, depth: int = 0) -> str:
    """One JSON document as text. Mostly objects at the outside, as answers are; no key stands twice in one object."""
    kind = rng.randrange(6) if depth else rng.choice([0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4])
    if depth > 3:
        kind = min(kind, 2)
    if kind == 0:
        return rng.choice(["true", "false", "null"])
    if kind == 1:
        return rng.choice(NUMBERS) if rng.random() < 0.7 else str(rng.randrange(-(10**12), 10**12))
    if kind in (2, 5):
        return text(rng, rng.randrange(7))
    inner = [document(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 3:
        return "[" + blank(rng) + ",".join(blank(rng) + item + blank(rng) for item in inner) + "]"
    members = [f"{blank(rng)}{key(rng, n)}{blank(rng)}:{blank(rng)}{item}{blank(rng)}" for n, item in enumerate(inner)]
    return "{" + blank(rng) + ",".join(members) + "}"


def around(rng: random.Random, written: str) -> str:
    """The same document with blanks before and after it."""
    return blank(rng) + written + blank(rng)


def blank(rng: random.Random) -> str:
    return rng.choice(BLANKS)


def key(rng: random.Random, number: int) -> str:
    return text(rng, rng.randrange(4), end=str(number) if rng.random() < 0.9 or number else "")


def text(rng: random.Random, size: int, end: str = "") -> str:
    return '"' + "".join(written(rng, rng.choice(LETTERS)) for _ in range(size)) + end + '"'


def written(rng: random.Random, letter: str) -> str:
    """One character inside a text: as it is where that is allowed, by its short escape, or by its number."""
    if rng.random() < 0.2:
        units = letter.encode("utf-16-be", "surrogatepass")
        numbers = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
        return "".join("\\u" + (number.upper() if rng.random() < 0.5 else number) for number in numbers)
    if letter in SHORT and (letter != "/" or rng.random() < 0.3):
        return SHORT[letter]
    return letter


def spoilt(rng: random.Random, whole: str) -> str:
    """The text with one to three characters lost, doubled, changed or put in."""
    marks = list(whole)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(marks) + 1)
        mark = rng.choice('{}[]",:\\/0129.eE+-tfnul \n\x00xNI😀')
        kind = rng.randrange(3)
        if kind == 0:
            marks.insert(at, mark)
        elif marks and kind == 1:
            marks[at % len(marks)] = mark
        elif marks:
            del marks[at % len(marks)]
    return "".join(marks)


def cuts(rng: random.Random, whole: str) -> list[str]:
    """The text in pieces of random sizes, some of them empty."""
    pieces: list[Any] = []
    at = 0
    while at < len(whole):
        size = rng.choice([0, 1, 1, 2, 3, 5, 8, 40])
        pieces.append(whole[at : at + size])
        at += size
    return pieces
