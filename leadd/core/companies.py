"""Whose signal it is: company names and domains in a form that can be compared, and who to name where no company is known."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from leadd.api import Contact, Signal
from leadd.api.lexical import fold
from leadd.core.company_words import LEGAL_FORMS, LEGAL_PREFIXES, LEGAL_WHOLES, SHARED_DOMAINS, SITE_HOSTS, TWO_LEVEL
from leadd.store.rows import CompanyRef

_DOTTED = re.compile(r"\b(?:\w\.\s?){2,}(?=\W|\Z)|\b(?:\w\.){1,8}\w\b")
_IN_BRACKETS = re.compile(r"\([^()]{0,80}\)|\[[^\[\]]{0,80}\]")
_NOT_WORD = re.compile(r"[^\w]+|_+")
_MAX_NAME = 120


def fold_name(name: str) -> str:
    """The key under which a company name is compared: case, accents, punctuation and legal forms folded away.

    'Acme GmbH & Co. KG', 'ACME' and 'Acme, Inc.' give 'acme'. A name that is nothing but a legal form keeps it, and a name
    without a letter or digit gives ''.
    """
    text = fold(name[: _MAX_NAME * 2])
    without = _IN_BRACKETS.sub(" ", text)
    if _NOT_WORD.sub("", without):
        text = without
    for whole in LEGAL_WHOLES:
        if whole in text and text.strip() != whole:
            text = text.replace(whole, " ")
    text = _DOTTED.sub(lambda m: m[0].replace(".", "").replace(" ", "") + " ", text)
    text = text.replace("&", " & ").replace("+", " + ").replace("'", "").replace("’", "")
    words = [w for w in _NOT_WORD.sub(" ", text.replace("&", " und_ ").replace("+", " und_ ")).split() if w]
    words = ["and" if w in ("und", "and", "et", "y") else w for w in words]
    kept = _strip_forms(words)
    return " ".join(kept)[:_MAX_NAME]


def _strip_forms(words: list[str]) -> list[str]:
    kept = list(words)
    while len(kept) > 1 and (kept[-1] in LEGAL_FORMS or kept[-1] == "and"):
        kept.pop()
    while len(kept) > 1 and kept[0] in LEGAL_PREFIXES:
        kept.pop(0)
    while len(kept) > 1 and kept[-1] == "and":
        kept.pop()
    return kept


def domain_of(url_or_mail: str) -> str | None:
    """The registrable part of the host of an address ('https://jobs.acme.co.uk/x', 'a@acme.co.uk' → 'acme.co.uk').

    Sites lent by a host (acme.github.io) keep their own label. None for IP addresses, single labels and anything that is no
    host name. Known by a small table and the rule that 'co.uk' and its like have two labels, not by the public suffix list.
    """
    host = _host(url_or_mail.strip()[:2000])
    if host is None:
        return None
    labels = host.split(".")
    if len(labels) < 2 or not all(0 < len(label) <= 63 for label in labels) or labels[-1].isdigit():
        return None
    last_two = ".".join(labels[-2:])
    two_level = last_two in TWO_LEVEL or last_two in SITE_HOSTS
    two_level = two_level or (
        len(labels[-1]) == 2 and labels[-2] in ("co", "com", "org", "net", "ac", "gov", "edu", "or", "ne", "gob", "gv")
    )
    keep = 3 if two_level else 2
    if len(labels) < keep:
        # 'co.uk' alone names nobody; 'github.io' alone is that host's own site.
        return last_two if last_two in SITE_HOSTS or (last_two not in TWO_LEVEL and len(labels[-2]) > 3) else None
    return ".".join(labels[-keep:])


def _host(address: str) -> str | None:
    if "@" in address and "/" not in address:
        address = address.rsplit("@", 1)[1]
    try:
        host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return None
    try:
        host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
        host = host.rstrip(".").encode("idna").decode("ascii").lower() if not host.isascii() else host.rstrip(".").lower()
    except (ValueError, UnicodeError):
        return None
    return host if re.fullmatch(r"[a-z0-9_.\-]{3,253}", host) else None


def is_shared_domain(domain: str) -> bool:
    """True for domains that say nothing about a company: free mail, job boards, applicant systems, social sites, shorteners."""
    domain = domain.lower()
    return (
        domain in SHARED_DOMAINS
        or domain in SITE_HOSTS
        or domain.split(".")[0] in ("gmail", "hotmail", "yahoo", "indeed", "glassdoor")
    )


def company_of(signal: Signal, contacts: Sequence[Contact]) -> CompanyRef | None:
    """What the signal says about its company; None where neither a name nor a domain of its own is known.

    The source's own fields come first. A name is guessed only from patterns that name an employer, a domain only from the
    website field, an e-mail address, or a link whose host carries the company's name.
    """
    name = _clean(signal.company or "") or guess_name(signal.title, signal.text)
    key = fold_name(name) if name else ""
    website = _website(signal.company_website)
    domain = _own(signal.company_website) or _own_mail(contacts) or _own_link(contacts, signal.url, key)
    if not key and not domain:
        return None
    return CompanyRef(
        name=name if key else None, name_key=key or None, domain=domain, website=website, location=signal.location or None
    )


def known_key(signal: Signal) -> tuple[str | None, str | None]:
    """Folded name and domain by which a company is found again, out of the source's own fields alone: reading the text for
    them costs more than it is worth before the filter."""
    name = _clean(signal.company or "")
    return (fold_name(name) or None if name else None), _own(signal.company_website)


def person_key(signal: Signal, contacts: Sequence[Contact]) -> str:
    """Who a lead is where no company is known: an e-mail address, else the author at that source, else this signal alone."""
    address = next((c.value for c in contacts if c.kind == "email"), None)
    if address:
        return f"mail:{address.lower()}"
    author = " ".join(fold(signal.author or "").split())
    if author:
        return f"author:{signal.source}:{author}"[:300]
    return f"signal:{signal.source}:{signal.external_id or signal.content_hash}"[:300]


def display_name(signal: Signal, company: CompanyRef | None) -> str:
    """What a lead is called in lists: the company, else its domain, the author, the title, or the text's first words."""
    if company and (company.name or company.domain):
        return company.name or company.domain or ""
    first_line = signal.text.strip().split("\n", 1)[0]
    shown = signal.author or signal.title or first_line or f"signal {signal.id}"
    return shown if len(shown) <= 80 else shown[:79].rstrip() + "…"


def _own(address: str | None) -> str | None:
    domain = domain_of(address) if address else None
    return domain if domain and not is_shared_domain(domain) else None


def _own_mail(contacts: Sequence[Contact]) -> str | None:
    return next((domain for c in contacts if c.kind == "email" and (domain := _own(c.value))), None)


def _own_link(contacts: Sequence[Contact], url: str | None, key: str) -> str | None:
    squeezed = key.replace(" ", "")
    if len(squeezed) < 3:
        return None
    links = [c.value for c in contacts if c.kind == "link"] + ([url] if url else [])
    for link in links:
        domain = _own(link)
        label = re.sub(r"[^a-z0-9]", "", domain.split(".")[0]) if domain else ""
        if label and (label == squeezed or (len(label) >= 5 and squeezed.startswith(label))):
            return domain
    return None


def _website(address: str | None) -> str | None:
    address = (address or "").strip()
    if not address or domain_of(address) is None:
        return None
    address = address if "://" in address else f"https://{address}"
    return address if address.lower().startswith(("http://", "https://")) else None


_NAME_WORD = r"[A-Z0-9À-ÖØ-Þ](?:[\w&'’\-]|\.(?=\w)){0,40}"
_NAME = rf"({_NAME_WORD}(?: (?:{_NAME_WORD}|&|of|and|the|und|de|la|for)){{0,4}})"
_HIRING = re.compile(
    rf"(?:\A|(?<=\n)|(?<=[.!] )){_NAME}(?: \([^()\n]{{1,40}}\))? (?:is|are) "
    r"(?:hiring|looking for|seeking|searching for|recruiting)\b"
    rf"|(?:\A|(?<=\n)|(?<=[.!] )){_NAME} (?:sucht|stellt ein|recrute|recherche|busca|cerca)\b"
)
_JOIN = re.compile(rf"(?:\A|(?<=\n)|(?<=[.!] ))[Jj]oin (?:us at )?{_NAME} (?:as|and help|in building)\b")
_TITLE_AT = re.compile(rf"(?: at | @ ?| bei ){_NAME}\s*(?:\(.{{0,60}}\)|[|–—\-].{{0,80}})?\Z")
_NO_NAMES = (
    "we they who it this that she he you i our us my the a an hiring remote job jobs company startup client agency position "
    "role team seeking freelancer somebody someone anyone everyone there what home scale night least work wir er sie es man "
    "ich kunde firma unser unternehmen full onsite hybrid yc all any best first last present"
)
_NO_NAME = frozenset(_NO_NAMES.split())
_TRAILING = re.compile(r"\s*(?:\((?:https?:|www\.|YC|yc|formerly|ex-)[^()]{0,200}\)|https?://\S{1,300}|\[\d\])\s*\Z")


def guess_name(title: str, text: str) -> str | None:
    """A company name that stands in a text in a place where employers stand; None where that is not clear.

    Read: the first field of a line of fields ('Acme | Berlin | Marketing lead | full-time'), 'Acme is hiring', 'Join Acme as',
    and a title that ends in 'at Acme'.
    """
    head = text[:1500]
    return (
        _first_field(title)
        or _first_field(head.split("\n", 1)[0])
        or _named(_TITLE_AT.search(title[-200:]))
        or _named(_HIRING.search(f"{title[:300]}\n{head}"))
        or _named(_JOIN.search(head))
    )


def _first_field(line: str) -> str | None:
    fields = line[:600].split("|")
    if len(fields) < 3:
        return None
    name = _clean(fields[0])
    return name if _plausible(name) else None


def _named(match: re.Match[str] | None) -> str | None:
    name = _clean(next((group for group in match.groups() if group), "")) if match else ""
    return name if _plausible(name) else None


def _clean(name: str) -> str:
    name = " ".join(name.split())[: _MAX_NAME * 2]
    for _ in range(3):
        shorter = _TRAILING.sub("", name)
        if shorter == name:
            break
        name = shorter
    return name.strip(" -–—:,;*•#\"'“”").strip()[:_MAX_NAME]


def _plausible(name: str) -> bool:
    words = name.split()
    if not (1 <= len(words) <= 6 and 2 <= len(name) <= 60 and any(c.isalpha() for c in name)):
        return False
    return fold(words[0]) not in _NO_NAME and "http" not in name and "@" not in name and not name.endswith((".", "!", "?"))
