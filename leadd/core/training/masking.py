"""Texts without contact data: e-mail addresses, phone numbers, links, and the names that go with them.

Broader than `contacts`, which must be right about what it finds: a place too many that is masked costs nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable

import regex

from leadd.api import Contact
from leadd.store.rows import SignalRow

EMAIL, PHONE, LINK, NAME = "[e-mail]", "[phone]", "[link]", "[name]"

_AT = r"(?:@|\s?[(\[{<]\s?(?:at|ät|@)\s?[)\]}>]\s?|\s(?:at|AT|ät)\s)"
_DOT = r"(?:\.|\s?[(\[{<]\s?(?:dot|punkt|\.)\s?[)\]}>]\s?|\s(?:dot|DOT|punkt)\s)"
_EMAIL = regex.compile(rf"[\w.+\-%]{{1,64}}{_AT}[\w\-]{{1,63}}(?:{_DOT}[\w\-]{{2,63}}){{1,4}}")
_LINK = regex.compile(r"(?:\bhttps?://|\bwww\.)[^\s<>\"'`)\]}]{1,2000}", regex.IGNORECASE)
_PHONE = regex.compile(r"(?<![\w.,])(?:\+|\(\+?\d{1,4}\)|\d)[\d ()./\-\u2010-\u2013\u00a0]{5,24}\d(?![\w%€$£])")
_NO_PHONE = regex.compile(
    r"\A(?:(?:19|20)\d\d(?:[ ./\-\u2010-\u2013]+(?:19|20)?\d\d){1,2}|\d{1,2}[./\-]\d{1,2}[./\-](?:19|20)?\d\d.*"
    r"|\d{1,3}(?:[., ]\d{3})+(?:\s?[\-\u2010-\u2013]\s?\d{1,3}(?:[., ]\d{3})+)?)\Z"
)
_CUE = (
    r"(?:Ansprechpartner(?:in)?|Ansprechperson|Kontaktperson|Kontakt|Ihre?\s+Kontakt|contact(?:\s+person)?|hiring\s+manager"
    r"|recruiter|attn|z\.\s?Hd|Herrn?|Frau|Mr|Mrs|Ms|Dr|Prof|regards|cheers|sincerely|Grüße|Grüßen|Gruß|bei|c/o)"
)
_WORD = r"\p{Lu}[\p{L}'’\-]+"
_CUED = regex.compile(
    rf"(?i:\b{_CUE}\b)[.,:]?\s*(?:(?:Dr|Prof|Herrn?|Frau|Mr|Mrs|Ms)\.?\s+){{0,2}}(?P<name>{_WORD}(?:[ ]{_WORD}){{1,2}})"
)
_LEAST_NAME = 3


class Mask:
    """Takes contact data out of texts that belong together: a name that one of them gives away goes out of all of them."""

    def __init__(self, texts: Iterable[str], *, names: Iterable[str] = (), contacts: Iterable[Contact] = ()) -> None:
        told = list(names)
        for text in texts:
            told += [*_names_in_addresses(text), *(found["name"] for found in _CUED.finditer(text))]
        for contact in contacts:
            if contact.kind == "email":
                told += _names_in_addresses(contact.value)
        kept = {name.strip() for name in told if len(name.strip()) >= _LEAST_NAME}
        any_of = "|".join(map(regex.escape, sorted(kept, key=lambda name: (-len(name), name))))
        self._names = regex.compile(rf"(?<!\w)(?:{any_of})(?!\w)", regex.IGNORECASE) if kept else None

    @classmethod
    def of(cls, signal: SignalRow) -> Mask:
        """For the texts about a signal: its author and whom it names are no part of them."""
        return cls((signal.title, signal.text), names=[signal.author] if signal.author else (), contacts=signal.contacts)

    def apply(self, text: str) -> str:
        """`text` with addresses, numbers, links and names replaced by what they were."""
        text = _PHONE.sub(_phone, _EMAIL.sub(EMAIL, _LINK.sub(LINK, text)))
        return text if self._names is None else self._names.sub(NAME, text)


def _phone(found: regex.Match[str]) -> str:
    digits = sum(sign.isdigit() for sign in found[0])
    return found[0] if digits < 7 or digits > 16 or _NO_PHONE.match(found[0]) else PHONE


def _names_in_addresses(text: str) -> list[str]:
    """First and last names that addresses spell out: jane.doe@… tells of Jane Doe."""
    found = []
    for match in _EMAIL.finditer(text):
        local = regex.split(_AT, match[0])[0]
        parts = [part for part in regex.split(r"[._\-+]", local) if part.isalpha() and len(part) >= _LEAST_NAME]
        if len(parts) == 2:
            found += [" ".join(parts), *parts]
    return found
