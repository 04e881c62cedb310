"""Ways to reach someone, as they stand in a text: e-mail addresses, phone numbers (E.164), links.

Every function here looks at bounded slices around a marker (@, digits, ://), so hostile text costs linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import phonenumbers

from leadd.api import Contact

_SCANNED_CHARS = 200_000
_MAX_EMAILS = 20
_MAX_PHONES = 10
_MAX_LINKS = 30
_MAX_PHONE_TRIES = 40

_LOCAL_BEFORE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}\Z")
_DOMAIN_AFTER = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?\.){1,5}[A-Za-z]{2,24}(?![A-Za-z0-9@])")
_AT = r"(?:\s{0,2}[\[({<]\s?(?:at|ät|@)\s?[\])}>]\s{0,2})"
_DOT = r"(?:\s{0,2}[\[({<]\s?(?:dot|punkt|\.)\s?[\])}>]\s{0,2}|\.)"
_HIDDEN_AT = re.compile(_AT, re.IGNORECASE)
_MAYBE_HIDDEN = re.compile(r"[\[({<]\s?(?:at|ät|@)\s?[\])}>]", re.IGNORECASE)
"""The core of `_HIDDEN_AT`: it begins with a rare character, so that most texts are passed over quickly."""
_HIDDEN_DOMAIN = re.compile(
    rf"[a-z0-9\-]{{1,63}}(?:{_DOT}[a-z0-9\-]{{1,63}}){{0,4}}{_DOT}[a-z]{{2,24}}(?![a-z0-9@])", re.IGNORECASE
)
_HIDDEN_DOT = re.compile(_DOT, re.IGNORECASE)
_SPOKEN = re.compile(
    r"(?<![\w.+\-])([a-z0-9][a-z0-9._+\-]{0,63}) at ((?:[a-z0-9\-]{1,63} dot ){1,4}[a-z]{2,24})(?![\w@])", re.IGNORECASE
)
_NOT_AN_ADDRESS = re.compile(r"\.(?:png|jpe?g|gif|svg|webp|css|js|pdf)\Z")
_NOBODY = re.compile(r"(?:no[._\-]?reply|do[._\-]?not[._\-]?reply|mailer[._\-]?daemon|bounces?)\b")

_PLUS_NUMBER = re.compile(r"(?<![\w+])\+\s?[1-9](?:[ ().\-/\u2010-\u2013\u00a0]{0,3}\d){6,16}(?!\w)")
_ANY_NUMBER = re.compile(r"(?<![\w+/.,#\-])\(?(?:00|0|[2-9])(?:[ ().\-/\u2010-\u2013\u00a0]{0,3}\d){6,14}(?![\w/])")
_DATE_OR_RANGE = re.compile(
    r"(?:19|20)\d\d\s?[\-/.–]\s?(?:\d{1,2}|(?:19|20)\d\d)|\d{1,2}[./\-]\d{1,2}[./\-](?:19|20)\d\d|\d{1,3}(?:[.,]\d{3})+\Z"
)

_LINK = re.compile(r"(?:\bhttps?://|(?<![\w@/.\-])www\.)[^\s<>\"'`\u201c\u201d\u00ab\u00bb{}|\\^]{1,2000}", re.IGNORECASE)
_LINK_END = ".,;:!?…*_~'"
_HOST = re.compile(r"(?:[\w](?:[\w\-]{0,61}[\w])?\.){1,8}[^\W\d_]{2,63}", re.UNICODE)


def find_contacts(text: str, *, region: str | None = None) -> tuple[Contact, ...]:
    """All contacts in order of kind (email, phone, link) and first appearance, each once.

    `region` is the ISO code of the country in which a number without + is read (see `region_of`); None takes only numbers
    that begin with +. At most 20 addresses, 10 numbers and 30 links, from the first 200,000 characters.
    """
    text = text[:_SCANNED_CHARS]
    found: list[Contact] = []
    found += (Contact("email", value) for value in _first(_emails(text), _MAX_EMAILS))
    found += (Contact("phone", value) for value in _first(_phones(text, region), _MAX_PHONES))
    found += (Contact("link", value) for value in _first(_links(text), _MAX_LINKS))
    return tuple(found)


def _first(values: Iterator[str], limit: int) -> tuple[str, ...]:
    """The first distinct values; stops reading where the limit is reached."""
    seen: dict[str, None] = {}
    for value in values:
        seen.setdefault(value)
        if len(seen) >= limit:
            break
    return tuple(seen)


def _emails(text: str) -> Iterator[str]:
    found = sorted([*_plain_emails(text), *_hidden_emails(text)])
    yield from (address for _, address in found)


def _plain_emails(text: str) -> Iterator[tuple[int, str]]:
    at = text.find("@")
    while at >= 0:
        local = _LOCAL_BEFORE.search(text, max(0, at - 64), at)
        domain = _DOMAIN_AFTER.match(text, at + 1, at + 256) if local else None
        if local and domain:
            address = _checked(local[0], domain[0])
            if address:
                yield at, address
        at = text.find("@", at + 1)


def _hidden_emails(text: str) -> Iterator[tuple[int, str]]:
    for mark in _HIDDEN_AT.finditer(text) if _MAYBE_HIDDEN.search(text) else ():
        local = _LOCAL_BEFORE.search(text, max(0, mark.start() - 64), mark.start())
        domain = _HIDDEN_DOMAIN.match(text, mark.end(), mark.end() + 256) if local else None
        if local and domain:
            address = _checked(local[0], _HIDDEN_DOT.sub(".", domain[0]))
            if address:
                yield mark.start(), address
    if " dot " in text:
        for spoken in _SPOKEN.finditer(text):
            address = _checked(spoken[1], spoken[2].replace(" dot ", "."))
            if address:
                yield spoken.start(), address


def _checked(local: str, domain: str) -> str | None:
    local, domain = local.lower().rstrip("."), domain.lower()
    if ".." in local or ".." in domain or _NOT_AN_ADDRESS.search(domain) or _NOBODY.match(local):
        return None
    return f"{local}@{domain}"


def _phones(text: str, region: str | None) -> Iterator[str]:
    tries = 0
    patterns = [_PLUS_NUMBER] if "+" in text else []
    if region is not None:
        patterns.append(_ANY_NUMBER)
    for pattern in patterns:
        for candidate in pattern.finditer(text):
            tries += 1
            if tries > _MAX_PHONE_TRIES:
                return
            number = _e164(candidate[0], region)
            if number:
                yield number


def _e164(candidate: str, region: str | None) -> str | None:
    """The number in E.164 where it is valid; a year or a second number that stuck to its end is cut off group by group."""
    if not candidate.startswith("+") and _DATE_OR_RANGE.search(candidate):
        return None
    for _ in range(3):
        try:
            number = phonenumbers.parse(candidate, region)
        except phonenumbers.NumberParseException:
            return None
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        shorter = re.sub(r"[ ().\-/\u2010-\u2013\u00a0]+\d+\Z", "", candidate)
        if shorter == candidate:
            return None
        candidate = shorter
    return None


def _links(text: str) -> Iterator[str]:
    low = text.lower()
    signs = [at for at in (low.find("://"), low.find("www.")) if at >= 0]
    if not signs:
        return
    # Small letters may be longer than the capitals they stand for, so that only in ASCII the place is the same.
    for match in _LINK.finditer(text, max(0, min(signs) - 5) if text.isascii() else 0):
        link = _trim(match[0])
        if link[:4].lower() == "www.":
            link = "https://" + link
        try:
            parts = urlsplit(link)
            host = (parts.hostname or "").rstrip(".")
        except ValueError:
            continue
        if "@" not in parts.netloc and _HOST.fullmatch(host):
            yield parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl()


def _trim(link: str) -> str:
    """Without the punctuation of the sentence around it; a closing bracket stays where its opening one is part of the link."""
    while link:
        last = link[-1]
        closing = {")": "(", "]": "["}.get(last)
        if last in _LINK_END or (closing and link.count(last) > link.count(closing)):
            link = link[:-1]
        else:
            break
    return link
