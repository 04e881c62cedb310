"""Text as leadd stores it: one normal form for every source, and the hashes that name equal texts.

Nothing here raises on any str, and every function ends in time linear in its input.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from html.entities import html5
from urllib.parse import urlsplit

NORMALISER_VERSION = "1"
"""Raised whenever `normalise` gives another text for the same input; part of every cache key."""

_PASSES = 6
"""Entities can hide tags and tags can hide entities; a text still changing after this many passes is an attack."""

_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_LINE_END = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# These match only what they change: most texts have many single spaces and few that are more.
_BLANKS = re.compile(r"[^\S\n]{2,}|[^\S\n ]")
_LINE_EDGE = re.compile(r" \n ?|\n ")
_ASCII_CONTROLS = {n: "\n" if _LINE_END.match(chr(n)) else None for n in (*range(32), 127) if n not in (9, 10, 13)}
_EMPTY_LINES = re.compile(r"\n{3,}")

_ENTITY = re.compile(r"&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));")
_ESCAPED_AMPERSAND = re.compile(r"&(?:(?:amp|#0{0,4}38|#[xX]0{0,4}26);)+")


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_BLOCK = _names(
    "address article aside blockquote body br dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 head header hr html "
    "main nav ol option p pre section select table tbody td th thead title tr ul"
)
_INLINE = _names(
    "a abbr b big button center cite code del em font i img input ins kbd label li link mark meta q s samp script small span "
    "strike strong style sub sup svg time tt u var video wbr"
)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,15})((?:[\s/][^<>]{0,4000}+)?)>")
_CLEARLY_HTML = re.compile(
    r"</(?:"
    + "|".join(sorted(_BLOCK | _INLINE))
    + r")\s{0,9}>|<(?:p|br|div|li|ul|ol|html|body|table|h[1-6])(?:\s[^<>]{0,999}+)?/?>",
    re.IGNORECASE,
)
_UNSEEN = re.compile(r"<(script|style)\b[^<>]{0,4000}+>.*?(?:</\1\s{0,9}>|\Z)|<!--.*?(?:-->|\Z)", re.IGNORECASE | re.DOTALL)
_ANCHOR = re.compile(r"<a\s([^<>]{1,4000}+)>([^<>]{0,1000}+)</a\s{0,9}>", re.IGNORECASE)
_HREF = re.compile(r"""\bhref\s{0,5}=\s{0,5}["']?([^"'<>\s]{1,2000})""", re.IGNORECASE)


def normalise(text: str) -> str:
    """The text in leadd's one form; `normalise(normalise(t)) == normalise(t)`.

    NFC; line ends are LF; control, bidirectional, zero-width, tag and variation characters are gone; blanks collapse to one
    space within lines; at most one empty line in a row; nothing blank at either end. Character references are resolved, and
    where the text is clearly HTML its tags are gone: blocks become lines, list items lines with a dash, and a link keeps its
    address. Text that only holds angle brackets is left as it is.
    """
    current = _one_pass(text)
    for _ in range(_PASSES):
        if "<" not in current and "&" not in current:
            return current
        again = _one_pass(current)
        if again == current:
            return current
        current = again
    return _one_pass(current.replace("<", " ").replace("&", " "))


def content_hash(title: str, text: str) -> str:
    """SHA-256 hex over a normalised title and text: equal for equal signals, whatever their source."""
    return hashlib.sha256(f"{NORMALISER_VERSION}\x1f{title}\x1f{text}".encode()).hexdigest()


def dedupe_key(source: str, external_id: str | None, content_hash: str, company: str | None) -> str:
    """What a source may bring only once: its own id for the item, else the content together with the company.

    The company is part of it because one text (an agency's standard ad) may stand for openings at several companies.
    """
    if external_id:
        if len(external_id) <= 200 and external_id.isprintable():
            return f"id:{external_id}"
        return "id#" + hashlib.sha256(f"{source}\x1f{external_id}".encode("utf-8", "surrogatepass")).hexdigest()
    company_key = " ".join((company or "").casefold().split())
    return "text:" + hashlib.sha256(f"{content_hash}\x1f{company_key}".encode("utf-8", "surrogatepass")).hexdigest()


def _one_pass(text: str) -> str:
    if "&" in text:
        text = _ENTITY.sub(_resolve, _ESCAPED_AMPERSAND.sub("&", text))
    if not text.isascii():
        text = _INVISIBLE.sub("", _LINE_END.sub("\n", text))
        text = unicodedata.normalize("NFC", text)
    elif not text.isprintable():
        text = text.translate(_ASCII_CONTROLS) if "\r" not in text else _INVISIBLE.sub("", _LINE_END.sub("\n", text))
    if "<" in text and _CLEARLY_HTML.search(text):
        text = _strip_html(text)
    # Looking for a plain string takes a tenth of what looking for a pattern takes, and most texts hold none of these.
    if "  " in text or "\t" in text or not text.isascii():
        text = _BLANKS.sub(" ", text)
    if " \n" in text or "\n " in text:
        text = _LINE_EDGE.sub("\n", text)
    if "\n\n\n" in text:
        text = _EMPTY_LINES.sub("\n\n", text)
    return text.strip()


def _resolve(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name is not None:
        return html5.get(f"{name};", match[0])
    code = int(decimal) if decimal is not None else int(hexadecimal, 16)
    return chr(code) if 0 < code <= 0x10FFFF else ""


def _strip_html(text: str) -> str:
    text = _UNSEEN.sub(" ", text)
    text = _ANCHOR.sub(_keep_address, text)
    return _TAG.sub(_tag_text, text)


def _keep_address(match: re.Match[str]) -> str:
    """'label (address)', so that the places a text links to survive its tags."""
    href = _HREF.search(match[1])
    label = match[2].strip()
    if href is None or not _is_web(href[1]):
        return label
    shown = label.rstrip(".…")
    if not label or (shown and href[1].startswith(shown)):
        return href[1]
    return f"{label} ({href[1]})"


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _tag_text(match: re.Match[str]) -> str:
    name = match[2].lower()
    if name == "li":
        return "" if match[1] else "\n- "
    if name in ("p", "h1", "h2", "h3", "h4", "h5", "h6"):
        return "\n\n"
    if name in ("td", "th"):
        return " "
    if name in _BLOCK:
        return "\n"
    return "" if name in _INLINE else match[0]
