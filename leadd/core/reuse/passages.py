"""Lines and sentences of a text as tokens that are equal where the difference is white space, case or typography."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from leadd.api.lexical import fold

_HARMLESS_SIGNS = "“”„‟«»‹›‘’‚‛–—―‐‑‒−…•‣⁃·●◦○▪▫■□▶►▸➤➢➔→★☆✦◆◇※，。、：；！？（）「」『』【】《》｡"
_TOKEN = re.compile(
    r"(?:https?://|www\.)[^\s<>\"']+"
    r"|[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+"
    r"|(?:(?<![\w.,\-])-)?\d+(?:[.,:/'\-]\d+)*\+?\w*"
    r"|[^\W\d_]+(?:'[^\W\d_]+)*(?:[+#]+(?!\w))?\d*"
    r"|[<>~%$&]"
    rf"|[^\x00-\x7f\w\s{_HARMLESS_SIGNS}]"
)
_SPACED_RANGE = re.compile(r"(?<=\d)[ \t]{1,3}-[ \t]{1,3}(?=\d)")
_TRACKING = re.compile(
    r"#li-(?!us|uk|eu|ca|de|fr|es|it|nl|ie|pl|il|sg|au|jp|br|ch|at)[a-z]{2}\d{0,3}(?![\w\-])"
    r"|\b(?:job|req|requisition|posting|vacancy|tracking) ?(?:id|code|ref|reference|nr\.?)\s?[:#]\s?[a-z]{0,4}[\-_ ]?\d{3,}\b",
)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+", re.IGNORECASE)
_LONG_ID = re.compile(r"\d{5,}|[0-9a-f]{8}-[0-9a-f\-]{20,}")
_FOR_TRACKING = re.compile(r"(?:utm-\w+|src|source|ref|gh-src|gh-jid|lever-source|trk|tracking|fbclid|gclid)=")
_GENDERS = re.compile(r"[(\[]?\b[mwdfxhi](?:\s?[/|*,]\s?[mwdfxhi]){1,3}\b[)\]]?|[(\[]\s?(?:all genders|gn)\s?[)\]]")
_TITLE_ID = re.compile(
    r"[\s\-–|,(\[]{1,4}(?:(?:(?:job|req|requisition|ref|posting) ?(?:id|no)|ref|req|id)[.:# ]{1,2}[a-z]{0,3}-?\d{3,}|#\d{5,})"
    r"[)\]]?\s*\Z"
)
_BULLET = re.compile(r"\s*(?:[-*•‣⁃·●◦○▪▫■□▶►▸➤➢➔→★✦◆]|\d{1,2}[.)])\s")
_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]*[^\W\d_a-z])")
_SHOUTED = re.compile(r"\b(?:US|IT|WHO|OR|IN|AM|PM|PA|MA|ME|CO|GO|MAY)\b")


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence, or a line that is none. `in_prose`: its line is no item of a list and holds more than one sentence."""

    tokens: tuple[str, ...]
    raw: str
    is_sentence: bool
    in_prose: bool


def tokens_of(folded: str) -> tuple[str, ...]:
    """The tokens of a folded text: words, numbers with their units, addresses, signs that mean something."""
    folded = _SPACED_RANGE.sub("-", folded)
    found = _TOKEN.findall(folded)
    if "/" in folded or "www." in folded:
        found = [_site_of(t) if t.startswith(("http://", "https://", "www.")) else t for t in found]
    return tuple(found)


def passages(text: str) -> list[Passage]:
    """A text in reading order, without what has no token; linear in its length."""
    found = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        pieces = _SENTENCE.split(line)
        is_item = _BULLET.match(line) is not None
        for raw in pieces:
            tokens = tokens_of(_TRACKING.sub(" ", fold(_keep_shouted(_keep_addresses(raw)))))
            if tokens:
                ends = raw.rstrip(" \"')]").endswith((".", "!", "?")) and len(tokens) >= 5
                found.append(Passage(tokens, raw.strip(), ends, ends and not is_item and len(pieces) > 1))
    return found


def key_of_title(title: str) -> tuple[str, ...]:
    """What of a title must be equal: its tokens without '(m/f/d)' and an id at its end."""
    folded = _TITLE_ID.sub("", fold(title))
    return tokens_of(_GENDERS.sub(" ", folded)) or tokens_of(fold(title))


def _keep_shouted(raw: str) -> str:
    """'US' and 'us' are two words, unless the whole line is in capitals."""
    if raw.isupper() or not _SHOUTED.search(raw):
        return raw
    return _SHOUTED.sub(lambda m: f"{m[0]}¤", raw)


def _keep_addresses(raw: str) -> str:
    """Folding would cut an address in two at each of its underscores."""
    return _ADDRESS.sub(lambda m: m[0].replace("_", "-"), raw) if "_" in raw else raw


def _site_of(address: str) -> str:
    """Where an address leads to, without its scheme, the ids in its path and what is there for tracking."""
    where, _, query = address.split("://", 1)[-1].split("#")[0].rstrip(".,;:!?)]").partition("?")
    path = "/".join(part for part in where.removeprefix("www.").split("/") if part and not _LONG_ID.fullmatch(part))
    told = "&".join(part for part in query.split("&") if part and not _FOR_TRACKING.match(part))
    return f"@{path}?{told}" if told else f"@{path}"


def ordered_words(raw: str) -> Sequence[str]:
    """The words of a sentence with their case, for whoever looks for names."""
    return re.findall(r"[^\W_]+(?:['’.\-&][^\W_]+)*", raw)
