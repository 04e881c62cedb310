"""One JSON document, read while it is still being written: each member of an object is there as soon as it is complete.

A machine of a few states takes the text piece by piece, wherever the pieces are cut. Every character is looked at once, and
what is complete is never read again, so the time grows with the length of the text and not with the number of pieces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any

MOST_DEPTH = 64
"""Lists and objects inside one another. Answers need three; a model that opens brackets for ever is stopped here."""

_BLANKS = re.compile(r"[ \t\n\r]+")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]+')
_DIGITS = re.compile(r"[-+.0-9eE]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
_ESCAPES: Mapping[str, str] = {
    '"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
}  # fmt: skip
_HEX = frozenset("0123456789abcdefABCDEF")


class NotJson(ValueError):
    """The text is no JSON, and nothing that may still come can make it so. The message says why."""


class _Next(Enum):
    """What may stand at the next place outside strings, numbers and words."""

    VALUE = auto()
    VALUE_OR_END = auto()
    KEY = auto()
    KEY_OR_END = auto()
    COLON = auto()
    COMMA_OR_END = auto()
    NOTHING = auto()


class FieldStream:
    """Reads one JSON document (RFC 8259) out of pieces of text.

    As strict as `success.parse`: no NaN, no key twice in one object, nothing after the document. What it gives is what
    `json.loads` gives for the whole text. After NotJson it takes nothing more.
    """

    def __init__(self, most_depth: int = MOST_DEPTH) -> None:
        self.steps = 0
        """How many single steps were taken: at most two for each character."""
        self.blanks = 0
        """Length of the run of blanks outside strings that the text ends in so far."""
        self.complete = False
        """True once the document has ended. A bare number has no end of its own: it is complete after a blank or `end`."""
        self._value: Any = None
        self._most_depth = most_depth
        self._open: list[dict[str, Any] | list[Any]] = []
        self._keys: list[str | None] = []
        self._next = _Next.VALUE
        self._read: Callable[[str, int], int] = self._between
        self._is_key = False
        self._pieces: list[str] = []
        self._chars = 0
        self._escape = ""
        self._high = ""
        self._new: list[tuple[str, Any]] = []
        self._why = ""

    def feed(self, text: str) -> list[tuple[str, Any]]:
        """Take the next piece; the members of the outermost object that it completed, in order. Raises NotJson."""
        if self._why:
            raise NotJson(self._why)
        self._new = []
        at, end = 0, len(text)
        try:
            while at < end:
                self.steps += 1
                at = self._read(text, at)
        except NotJson as error:
            self._why = str(error)
            raise
        return self._new

    def end(self) -> Any:
        """The value of the document; no more text will come. Raises NotJson where the document is not complete."""
        if self._why:
            raise NotJson(self._why)
        if self._read == self._number:
            self._end_number()
        if not self.complete:
            self._why = "it ends in the middle" if self._open or self._pieces or self._read != self._between else "it is empty"
            raise NotJson(self._why)
        return self._value

    @property
    def value(self) -> Any:
        """The value of the whole document; None until it is `complete`."""
        return self._value

    @property
    def fields(self) -> Mapping[str, Any]:
        """The complete members of the outermost object, in order. Empty where the document is no object."""
        return self.outermost if isinstance(self.outermost, dict) else {}

    @property
    def outermost(self) -> Any:
        """The outermost list or object as far as it is complete, or the whole value; None before there is any."""
        return self._open[0] if self._open else self._value

    @property
    def member(self) -> str | None:
        """The key of the outermost object whose value is being written now, or None."""
        return self._keys[0] if self._open and self._next is not _Next.COLON else None

    @property
    def partial(self) -> tuple[str, str] | None:
        """Key and text so far of the member being written, where its value is a text; else None. Costs what it gives."""
        key = self.member
        if key is None or self.open_chars is None or len(self._open) != 1:
            return None
        return key, "".join(self._pieces)

    @property
    def open_chars(self) -> int | None:
        """How many characters the text has that is being written now, of a key or a value; None outside texts."""
        return self._chars if self._read in (self._string, self._escaped) else None

    @property
    def open_items(self) -> int | None:
        """How many complete items the list has that is the value of the open member; None where it is no list."""
        inner = self._open[1] if len(self._open) > 1 and isinstance(self._open[0], dict) else None
        return len(inner) if isinstance(inner, list) else None

    @property
    def depth(self) -> int:
        """How many lists and objects are open."""
        return len(self._open)

    # -- outside texts, numbers and words --

    def _between(self, text: str, at: int) -> int:
        blanks = _BLANKS.match(text, at)
        if blanks is not None:
            self.blanks += blanks.end() - at
            return blanks.end()
        self.blanks = 0
        mark = text[at]
        if self._next is _Next.VALUE or (self._next is _Next.VALUE_OR_END and mark != "]"):
            return self._begin(mark, at)
        if self._next is _Next.NOTHING:
            raise NotJson(f"more text after its end: {mark!r}")
        if mark == '"' and self._next in (_Next.KEY, _Next.KEY_OR_END):
            self._begin_text(is_key=True)
        elif mark == ":" and self._next is _Next.COLON:
            self._next = _Next.VALUE
        elif mark == "," and self._next is _Next.COMMA_OR_END:
            self._next = _Next.KEY if isinstance(self._open[-1], dict) else _Next.VALUE
        elif self._may_close(mark):
            self._close()
        else:
            raise NotJson(f"{mark!r} where {_EXPECTED[self._next]} was expected")
        return at + 1

    def _may_close(self, mark: str) -> bool:
        if self._next not in (_Next.COMMA_OR_END, _Next.KEY_OR_END, _Next.VALUE_OR_END):
            return False
        return mark == ("}" if isinstance(self._open[-1], dict) else "]")

    def _begin(self, mark: str, at: int) -> int:
        """Begin a value; a number and a word are read from their first character on."""
        if mark == '"':
            self._begin_text(is_key=False)
        elif mark in "{[":
            if len(self._open) >= self._most_depth:
                raise NotJson(f"nested deeper than {self._most_depth}")
            self._open.append({} if mark == "{" else [])
            self._keys.append(None)
            self._next = _Next.KEY_OR_END if mark == "{" else _Next.VALUE_OR_END
        elif mark in "-0123456789":
            self._pieces, self._read = [], self._number
            return at
        elif mark in "tfn":
            self._pieces, self._read = [], self._word
            return at
        else:
            raise NotJson(f"no value begins with {mark!r}")
        return at + 1

    def _close(self) -> None:
        value = self._open.pop()
        self._keys.pop()
        self._put(value)

    def _put(self, value: Any) -> None:
        """A value is complete."""
        if not self._open:
            self._value, self.complete, self._next = value, True, _Next.NOTHING
            return
        holder = self._open[-1]
        if isinstance(holder, list):
            holder.append(value)
        elif (key := self._keys[-1]) is not None:
            holder[key], self._keys[-1] = value, None
            if len(self._open) == 1:
                self._new.append((key, value))
        self._next = _Next.COMMA_OR_END

    # -- texts --

    def _begin_text(self, *, is_key: bool) -> None:
        self._is_key, self._pieces, self._chars, self._high = is_key, [], 0, ""
        self._read = self._string

    def _string(self, text: str, at: int) -> int:
        plain = _PLAIN.match(text, at)
        if plain is not None:
            self._keep(plain[0])
            return plain.end()
        if text[at] == '"':
            self._keep("")
            self._end_text("".join(self._pieces))
        elif text[at] == "\\":
            self._escape, self._read = "\\", self._escaped
        else:
            raise NotJson("a control character inside a text")
        return at + 1

    def _escaped(self, text: str, at: int) -> int:
        mark = text[at]
        self._escape += mark
        if len(self._escape) == 2:
            if mark != "u":
                if mark not in _ESCAPES:
                    raise NotJson(f"'\\{mark}' means nothing")
                self._keep(_ESCAPES[mark])
                self._read = self._string
        elif mark not in _HEX:
            raise NotJson("'\\u' without four hexadecimal digits")
        elif len(self._escape) == 6:
            self._take_code(int(self._escape[2:], 16))
            self._read = self._string
        return at + 1

    def _take_code(self, code: int) -> None:
        """A character by its number. Two surrogates make one character; a lone one stays as it is, as in `json`."""
        if self._high and 0xDC00 <= code <= 0xDFFF:
            whole = chr(0x10000 + ((ord(self._high) - 0xD800) << 10) + (code - 0xDC00))
            self._high = ""
            self._keep(whole)
            return
        self._keep("")
        if 0xD800 <= code <= 0xDBFF:
            self._high = chr(code)
        else:
            self._keep(chr(code))

    def _keep(self, piece: str) -> None:
        """Add to the open text, after the first half of a pair whose second half did not come."""
        if self._high:
            piece, self._high = self._high + piece, ""
        if piece:
            self._pieces.append(piece)
            self._chars += len(piece)

    def _end_text(self, value: str) -> None:
        self._pieces, self._read = [], self._between
        if not self._is_key:
            self._put(value)
            return
        if value in self._open[-1]:
            raise NotJson("a key stands twice in one object")
        self._keys[-1] = value
        self._next = _Next.COLON

    # -- numbers and words --

    def _number(self, text: str, at: int) -> int:
        digits = _DIGITS.match(text, at)
        if digits is not None:
            self._pieces.append(digits[0])
            return digits.end()
        self._end_number()
        return at

    def _end_number(self) -> None:
        written = "".join(self._pieces)
        found = _NUMBER.fullmatch(written)
        if found is None:
            raise NotJson(f"{written[:40]!r} is no number")
        try:
            value: Any = float(written) if found[1] or found[2] else int(written)
        except ValueError as error:  # more digits than Python takes
            raise NotJson(str(error)[:120]) from None
        self._pieces, self._read = [], self._between
        self._put(value)

    def _word(self, text: str, at: int) -> int:
        self._pieces.append(text[at])
        word = "".join(self._pieces)
        if word in _WORDS:
            self._pieces, self._read = [], self._between
            self._put(_WORDS[word])
        elif not any(known.startswith(word) for known in _WORDS):
            raise NotJson(f"no value begins with {word!r}")
        return at + 1


_EXPECTED: Mapping[_Next, str] = {
    _Next.KEY: "a key",
    _Next.KEY_OR_END: "a key or the end of the object",
    _Next.VALUE_OR_END: "a value or the end of the list",
    _Next.COLON: "a colon",
    _Next.COMMA_OR_END: "a comma or the end",
}
