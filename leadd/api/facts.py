"""What a text says of itself in so many words: how big a company is, and whether a phrase is denied. Patterns, no guesses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from leadd.api.lexical import Folded, fold

_NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18,
    "nineteen": 19, "twenty": 20, "dozen": 12, "zwei": 2, "drei": 3, "vier": 4, "funf": 5, "fuenf": 5, "sechs": 6,
    "sieben": 7, "acht": 8, "neun": 9, "zehn": 10, "elf": 11, "zwolf": 12, "zwoelf": 12, "dreizehn": 13, "vierzehn": 14,
    "funfzehn": 15, "sechzehn": 16, "siebzehn": 17, "achtzehn": 18, "neunzehn": 19, "zwanzig": 20,
}  # fmt: skip
_WORDED = "|".join(sorted(_NUMBERS, key=len, reverse=True))
_READ_CHARS = 20_000
_PEOPLE_HINTS = (
    "team of",
    "team von",
    "team aus",
    "people",
    "employees",
    "mitarbeit",
    "person",
    "company of",
    "leute",
    "staff",
)
_DIGITS = r"\d{1,3}(?:[.,']\d{3})+|\d{1,6}"
_N = rf"(?:{_DIGITS}|(?:{_WORDED})\b)"
_PEOPLE = (
    r"(?:people|persons?|employees?|staff|team ?members?|colleagues|coworkers|co-workers|engineers and designers|humans"
    r"|folks"
    r"|mitarbeiter(?:[:*_/]?-?innen|inn?en)?n?|mitarbeitenden?|angestellten?|beschaftigten?|leuten?|personen"
    r"|kolleg(?:[:*_]?innen|en)"
    r"|fte|ftes|employes|salaries|collaborateurs|empleados|personas|dipendenti|medewerkers|kopfiges team)"
)
_LEADING_NUMBER = re.compile(_N)
_TAIL = rf"(?P<plus>\s?\+)?(?:\s?(?:-|to|bis|a)\s?(?P<high>{_N}))?"
_DIGIT_NUMBER = re.compile(rf"[1-9](?:\d{{0,2}}(?:[.,']\d{{3}})+|\d{{0,5}}){_TAIL}")
_WORD_NUMBER = re.compile(rf"\b(?:{_WORDED})\b{_TAIL}")
_INSIDE_NUMBER = re.compile(r"(?:\w|\d[.,']|[$€£])\Z")
_ADJECTIVE = r"(?:(?:full-time|fulltime|feste|festen|talented|great|passionate|amazing|strong)\s)?"
_PEOPLE_AFTER = re.compile(rf"\s?-?\s?{_ADJECTIVE}{_PEOPLE}\b(?!\s?/)")
_COMPANY_AFTER = re.compile(
    r"\s?-?\s?(?:person|people|man|woman|employee|kopfige[sn]?|mann)\s?-?\s?"
    r"(?:team|company|startup|start-up|agency|shop|business|firma|unternehmen|studio|operation)\b"
)
_EMPLOYEES_AFTER = re.compile(r"\s(?:employees|mitarbeiter(?:[:*_/]?-?innen|inn?en)?n?|mitarbeitenden?)\b")
_LABEL_BEFORE = re.compile(
    r"\b(?:company size|team size|unternehmensgrosse|firmengrosse|mitarbeiterzahl|mitarbeiter|employees|headcount"
    r"|size)\s?:\s?\Z"
)
_TEAM_BEFORE = re.compile(
    r"\b(?:team|company|startup|agency|studio|gmbh|firma|crew)\s(?:of|von|aus|mit|with)\s(?:only |just |nur |about "
    r"|around |over |uber )?\Z"
)
_DEPARTMENT_BEFORE = re.compile(
    r"(?:marketing|sales|vertriebs?|engineering|product|design|data|analytics|growth|content|support|finance|hr|people|it|dev"
    r"|brand|entwickler|entwicklungs?|redaktions?)[\s-]?(?:team|crew|department|abteilung)\s(?:of|von|aus|mit|with)\s\Z"
)
_WE_BEFORE = re.compile(
    r"\b(?:we are|we're|we are now|wir sind|nous sommes|somos|siamo|a|an|our|unser|unserem|small|tiny|remote|the|now"
    r"|currently|about|around|with"
    r"|over|mit|uber|rund|etwa|more than|mehr als|nearly|almost|of|avec|con|have|haben)\s(?:only |just |nur |a |ein )?\Z"
)
_OPEN_BEFORE = re.compile(r"\b(?:over|more than|uber|mehr als)\s\Z")
_ALONE_HINTS = (
    "solo",
    "one-",
    "sole ",
    "single founder",
    "einzel",
    "alone",
    "just me",
    "only me",
    "by myself",
    "alles allein",
    "alles selbst",
)
_ALONE = re.compile(
    r"\b(?:solo (?:founder|entrepreneur|developer|dev|consultant|business)|solopreneur|one-(?:person|man"
    r"|woman) (?:business|company|shop|show|team)"
    r"|sole (?:trader|proprietor|founder)|single founder|einzelunternehmer(?:in)?|einzelkampfer(?:in)?"
    r"|soloselbstandige?[rn]?|solo-selbststandige?[rn]?"
    r"|just me|it's only me|i run (?:it|this|the (?:company|business)|everything) (?:alone|by myself)"
    r"|ich mache alles (?:allein|alleine|selbst))\b"
)
_TWO = re.compile(r"\b(?:two of us|both (?:of the )?founders|two founders|2 founders|two co-?founders|zu zweit|zwei grunder)\b")
_OTHERS = re.compile(
    r"\b(?:lead|leading|manage|managing|managed|mentor|mentoring|build|building|supervise|hire|hiring|grow|help|helps"
    r"|helping|serve|serving|serves|reach|reaching"
    r"|report|customers?|clients?|users?|audience|million|for|train|trained|supporting|support|reporting|leiten|leitung"
    r"|fuhren|fuhrung|fuhrst|leitest|kunden|betreuen"
    r"|interviewed|sell|selling|target|companies|brands|firms|kmu|smbs?|organi[sz]ations|businesses|unternehmen mit"
    r"|join)\b[^.;\n]{0,32}\Z"
)
_OTHERS_AFTER = re.compile(
    r"\A[^.;\n]{0,12}\b(?:report|attend|attended|applied|interviewed|use|trust|per|a (?:day|month|year))\b"
)


@dataclass(frozen=True, slots=True)
class SizeFact:
    """A number of people that a text gives for a company: between `low` and `high` (None: open), and the quote."""

    low: int
    high: int | None
    quote: str
    start: int


def read_sizes(text: str | Folded, *, limit: int = 5) -> list[SizeFact]:
    """The sizes that a text states of the company it speaks for, in order. Teams that someone leads, customers and audiences do
    not count. Reads the first 20,000 characters."""
    read = text if isinstance(text, Folded) else Folded(text)
    folded = read.folded[:_READ_CHARS]
    shown = read.text if len(read.folded) == len(read.text) else read.folded
    found: list[SizeFact] = []
    for number in _numbers(folded):
        fact = _fact(number, folded, shown)
        if fact:
            found.append(fact)
            if len(found) >= 2 * limit:
                break
    if any(hint in folded for hint in _ALONE_HINTS):
        found += [SizeFact(1, 1, shown[m.start() : m.end()], m.start()) for m in _ALONE.finditer(folded)]
    if "two" in folded or "zwei" in folded or "founders" in folded:
        found += [SizeFact(2, 2, shown[m.start() : m.end()], m.start()) for m in _TWO.finditer(folded)]
    found.sort(key=lambda fact: fact.start)
    return found[:limit]


def _numbers(folded: str) -> Iterator[re.Match[str]]:
    for number in _DIGIT_NUMBER.finditer(folded):
        if not _INSIDE_NUMBER.search(folded, max(0, number.start() - 2), number.start()):
            yield number
    if any(hint in folded for hint in _PEOPLE_HINTS):
        yield from _WORD_NUMBER.finditer(folded)


def _fact(number: re.Match[str], folded: str, shown: str) -> SizeFact | None:
    """What a number says of a company's size, if anything: the words before and after it decide."""
    low = _number(_LEADING_NUMBER.match(number[0])[0])  # type: ignore[index]
    high = _number(number["high"] or "")
    if low is None or low == 0 or (high is None and 1900 <= low <= 2100) or (high is not None and high < low):
        return None
    end = _end_of_size(number, folded)
    if end is None:
        return None
    before = folded[max(0, number.start() - 56) : number.start()]
    # 'Our marketing team of nine' is how big a department is, and often the company's own number follows.
    if _DEPARTMENT_BEFORE.search(before) or _OTHERS.search(before) or _OTHERS_AFTER.match(folded[end : end + 24]):
        return None
    if number[0] == "dozen" and before.endswith(("half a ", "half ")):
        low = 6
    open_ended = high is None and (number["plus"] is not None or _OPEN_BEFORE.search(before) is not None)
    start = number.start()
    return SizeFact(low, None if open_ended else (high or low), shown[start:end], start)


def _end_of_size(number: re.Match[str], folded: str) -> int | None:
    """Where the statement of a size around a number ends; None where the number counts something else."""
    after = number.end()
    whole = _COMPANY_AFTER.match(folded, after) or _EMPLOYEES_AFTER.match(folded, after)
    if whole:
        return whole.end()
    before = folded[max(0, number.start() - 32) : number.start()]
    people = _PEOPLE_AFTER.match(folded, after)
    if people and (number["high"] or _WE_BEFORE.search(before) or _TEAM_BEFORE.search(before)):
        return people.end()
    if _LABEL_BEFORE.search(before) or (_TEAM_BEFORE.search(before) and not folded.startswith(("%", " %"), after)):
        return after
    return None


def _number(written: str) -> int | None:
    if not written:
        return None
    if written in _NUMBERS:
        return _NUMBERS[written]
    digits = re.sub(r"[.,']", "", written)
    return int(digits) if digits.isdigit() else None


_RANGE = re.compile(r"(\d{1,7})\s?(?:(-|–|to|bis|\.\.)\s?(\d{1,7})|(\+))?")


def range_of(label: str) -> tuple[int, int | None] | None:
    """The numbers that a size label stands for: '2-5' → (2, 5), '11' → (11, 11), '50+' → (50, None), 'up to 20' → (1, 20)."""
    folded = fold(label)
    match = _RANGE.search(folded.replace(",", "").replace(".", "") if "," in folded else folded)
    if match is None:
        return {"solo": (1, 1), "one": (1, 1)}.get(folded.strip())
    low = int(match[1])
    if match[3]:
        return low, int(match[3])
    if match[4] or re.search(r"\b(?:over|more than|above|from|ab|uber|mehr als)\b|>", folded):
        return low, None
    if re.search(r"\b(?:up to|under|below|max|less than|at most|bis|unter|hochstens)\b|<", folded):
        return 1, low
    return low, low


def overlap(fact: tuple[int, int | None], label: tuple[int, int | None]) -> bool:
    """Whether two ranges have a number in common; None as an end is open."""
    return (label[1] is None or fact[0] <= label[1]) and (fact[1] is None or label[0] <= fact[1])


def bucket_for(facts: Iterable[SizeFact], labels: Iterable[str]) -> tuple[str, SizeFact] | None:
    """The first label whose range holds the middle of the first stated size, with that statement."""
    ranges = [(label, span) for label in labels if (span := range_of(label)) is not None]
    for fact in facts:
        high = fact.high if fact.high is not None else fact.low
        middle = (fact.low + high) // 2
        for label, (low, top) in ranges:
            if low <= middle and (top is None or middle <= top):
                return label, fact
    return None


_DENIED_BEFORE = re.compile(
    r"(?:\b(?:not|no|never|don't|doesn't|do not|does not|isn't|aren't|is not|are not|won't|can't|cannot|without|nor"
    r"|neither|rather than|instead of|not a|except|excluding"
    r"|kein|keine|keinen|keiner|keinem|keines|nicht|nie|ohne|weder|statt|anstatt|ausser|pas de|pas d'|sans|aucun|aucune"
    r"|jamais|ne cherch\w{1,6} pas"
    r"|sin|ningun|ninguna|nunca|senza|nessun|nessuna|geen|niet|zonder|inte|ingen|inga|ikke)\b|\bn't\b)"
    r"(?:\s(?:any|more|a|an|the|currently|looking|for|hiring|seeking|need|want|interested|in|to|work|with|hire|be|mehr"
    r"|auf|der|die|das|eine[nrsm]?|suche|suchen|nach"
    r"|aktuell|derzeit|de|un|une|recruiters|recruiting|or|and|oder|und|,|freelancers|external|externe[nr]?|please"
    r"|another|other|yet)\b){0,5}[\s,/\"'(\-]{0,3}\Z"
)
_DENIED_AFTER = re.compile(
    r"\A[\s,\"')]{0,3}(?:(?:position|role|job|stelle)\s)?(?:(?:is|are|was|were|has been|have been|sind|ist|wird|werden"
    r"|wurde)\s(?:not|no longer|nicht|now filled|already filled|filled"
    r"|closed|besetzt|vergeben|unerwunscht|unwelcome)\b|isn't\b|aren't\b|unerwunscht\b|unwelcome\b|need not apply"
    r"|please (?:do not|don't)\b)"
)
_NOT_ONLY = re.compile(r"\b(?:not only|not just|nicht nur|pas seulement|no solo|non solo)\b[^.;\n]{0,40}\Z")


def is_denied(text: str, start: int, end: int) -> bool:
    """Whether the phrase at text[start:end] is denied where it stands: 'we are not hiring', 'no agencies', 'keine Agenturen'.

    Looks a few words to either side inside the sentence, in the larger European languages. Irony, and denials further away,
    are missed.
    """
    before = re.split(r"[.!?;\n:]", fold(text[max(0, start - 60) : start]))[-1]
    if _DENIED_BEFORE.search(before):
        return _NOT_ONLY.search(before) is None
    return _DENIED_AFTER.match(fold(text[end : end + 40])) is not None
