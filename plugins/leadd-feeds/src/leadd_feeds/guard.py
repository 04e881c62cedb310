"""What is never handed to a parser, because it would not come back in good time.

Measured with feedparser 6.0.14 on 1 MB: one tag of 100,000 attributes took seven minutes, unclosed tags 24 s, `<a <a <a` 13 s.
Entities that unfold into others are stopped by expat itself, but only after 1.5 s and 80 MB. Parsing runs in a thread, which
nobody can stop, so such documents are refused before. One pass, linear in the size.
"""

from __future__ import annotations

import re
import zlib

MAX_BYTES = 6 << 20
MAX_TAGS = 60_000
MAX_DEPTH = 4_000
MAX_ATTRIBUTES = 120
MAX_REFERENCES = 400_000
_NESTED_ENTITY = re.compile(rb"<!ENTITY\s{1,20}[\w.:-]{1,200}\s{1,20}[\"'][^\"'<>]{0,10000}&(?!#)")


class Hazard(Exception):
    """The document is refused; the message says why."""


def unpack(body: bytes) -> bytes:
    """The body, unpacked where it is gzip that no header tells of. Raises Hazard over `MAX_BYTES` or where it is broken."""
    if body[:2] == b"\x1f\x8b":
        inflate = zlib.decompressobj(wbits=31)
        try:
            body = inflate.decompress(body, MAX_BYTES + 1)
        except zlib.error as error:
            raise Hazard("it is packed, and the packing is broken") from error
    if len(body) > MAX_BYTES:
        raise Hazard(f"it is larger than {MAX_BYTES >> 20} MB")
    return body


def check_markup(body: bytes) -> None:
    """Raises Hazard where the markup would hold a parser up."""
    data = body.replace(b"\0", b"")  # so that UTF-16 is seen as well
    if data.count(b"&") > MAX_REFERENCES:
        raise Hazard(f"it has more than {MAX_REFERENCES:,} entities")
    if data.count(b"\n") > MAX_REFERENCES:  # expat hands every line over by itself: 6 MB of empty ones took 12 s
        raise Hazard(f"it has more than {MAX_REFERENCES:,} lines")
    if data.count(b"<!ENTITY") > 300 or _NESTED_ENTITY.search(data):
        raise Hazard("it declares entities that unfold into others, or hundreds of them")
    tags = depth = at = 0
    close = -1
    while (at := data.find(b"<", at)) >= 0:
        skipped = _skip_quoted(data, at)
        if skipped:
            at = skipped
            continue
        tags += 1
        if tags > MAX_TAGS:
            raise Hazard(f"it has more than {MAX_TAGS:,} tags")
        if close < at:
            close = data.find(b">", at)
            close = len(data) if close < 0 else close
            if data.count(b"=", at, close) > MAX_ATTRIBUTES:
                raise Hazard(f"a tag in it has more than {MAX_ATTRIBUTES} attributes")
        depth = max(0, depth + _change_of_depth(data, at, close))
        if depth > MAX_DEPTH:
            raise Hazard(f"it is nested more than {MAX_DEPTH:,} deep")
        at += 1


def _skip_quoted(data: bytes, at: int) -> int:
    """The end of a CDATA section or a comment that begins here, or 0."""
    for opening, ending in ((b"<![CDATA[", b"]]>"), (b"<!--", b"-->")):
        if data.startswith(opening, at):
            end = data.find(ending, at + len(opening))
            return len(data) if end < 0 else end + len(ending)
    return 0


def _change_of_depth(data: bytes, at: int, close: int) -> int:
    if data[at + 1 : at + 2] in (b"!", b"?"):
        return 0
    if data[at + 1 : at + 2] == b"/":
        return -1
    return 0 if data[close - 1 : close] == b"/" else 1
