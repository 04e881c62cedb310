"""HTML as plain text.

Not by html.parser: on Python 3.11, 20 KB of `<a <a <a …` keep it busy for five seconds and 100 KB of unclosed comments for
nine, and the author of an entry can send either. This scanner passes over its input once.
"""

from __future__ import annotations

import re
from html import unescape

MAX_CHARS = 400_000
_BLOCKS = frozenset(
    [
        "address", "article", "aside", "br", "dd", "div", "dl", "dt", "fieldset", "figure", "footer", "form", "header", "hr",
        "main", "nav", "pre", "section", "tr",
    ]
)  # fmt: skip
_PARAGRAPHS = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote"])
_SILENT = frozenset(["head", "iframe", "noscript", "object", "script", "style", "svg", "template", "textarea", "title"])
_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9]*)")
_CONTACT = re.compile(r"""\bhref\s*=\s*["']?(?:mailto|tel):([^"'?\s>]{3,200})""", re.IGNORECASE)
_ESCAPED_TWICE = re.compile(r"</(?:p|div|a|li|ul|ol|span|strong|em|b|i|h[1-6])>|<br ?/?>", re.IGNORECASE)
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[ \n]*\n ?| ?\n ?")


def html_to_text(html: str) -> str:
    """The readable text, paragraphs apart by an empty line, list items led by `- `; addresses of mail and phone links are kept.

    Input over `MAX_CHARS` is cut. Never raises.
    """
    text = "".join(_Scanner(html[:MAX_CHARS]).pieces())
    if _ESCAPED_TWICE.search(text):  # some publishers do; the reader would see the tags
        text = "".join(_Scanner(text).pieces())
    text = _BLANKS.sub(" ", text)
    return _LINES.sub(lambda match: "\n\n" if match[0].count("\n") > 1 else "\n", text).strip()


def looks_like_html(text: str) -> bool:
    """True where a text has tags or entities in it."""
    return bool(re.search(r"</?[a-zA-Z][^<>]{0,500}>|&(?:[a-zA-Z]{2,20}|#\d{1,7}|#x[0-9a-fA-F]{1,6});", text))


class _Scanner:
    def __init__(self, html: str) -> None:
        self._html = html
        self._close = -1  # where the next '>' is; kept, because looking for it at each '<' would be quadratic
        self._contact = ""

    def pieces(self) -> list[str]:
        out: list[str] = []
        html, at = self._html, 0
        while True:
            start = html.find("<", at)
            if start < 0:
                out.append(unescape(html[at:]))
                return out
            out.append(unescape(html[at:start]))
            at = self._pass_tag(start, out)

    def _pass_tag(self, start: int, out: list[str]) -> int:
        """Where to go on after what begins with '<'."""
        html = self._html
        if html.startswith("<!--", start):
            end = html.find("-->", start + 4)
            return len(html) if end < 0 else end + 3
        name = _NAME.match(html, start + 1)
        if name is None and html[start + 1 : start + 2] not in ("!", "?"):
            out.append("<")
            return start + 1
        end = self._find_close(start)
        if end < 0:
            out.append("<")
            return start + 1
        if name is not None:
            return self._take_tag(name[1].lower(), start, end, out)
        return end + 1

    def _take_tag(self, name: str, start: int, end: int, out: list[str]) -> int:
        closing = self._html[start + 1] == "/"
        if name in _SILENT and not closing:
            found = re.compile(f"</{name}", re.IGNORECASE).search(self._html, end)
            return len(self._html) if found is None else found.start()
        if name == "a":
            self._note_contact(closing, start, end, out)
        elif name == "li" and not closing:
            out.append("\n- ")
        elif name in ("td", "th"):
            out.append(" ")
        elif name in _PARAGRAPHS:
            out.append("\n\n")
        elif name in _BLOCKS:
            out.append("\n")
        return end + 1

    def _note_contact(self, closing: bool, start: int, end: int, out: list[str]) -> None:
        """The address behind 'write to us' is often the only one in the text."""
        if closing:
            if self._contact and self._contact not in "".join(out[-6:]):
                out.append(f" ({self._contact})")
            self._contact = ""
        else:
            found = _CONTACT.search(self._html[start : min(end, start + 2000)])
            self._contact = unescape(found[1]) if found else ""

    def _find_close(self, start: int) -> int:
        if self._close < start:
            found = self._html.find(">", start)
            self._close = len(self._html) if found < 0 else found
        return -1 if self._close >= len(self._html) else self._close
