"""What the words of an ICP stand for, as people see it and change it: `leadd icp expand`, `leadd icp show`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

FEW = 14
BY = {"table": "the shipped table", "you": "you"}
PLACES = {"title": "titles", "text": "texts", "anywhere": "titles and texts"}


def told(found: dict[str, Any], *, most: int | None = FEW) -> Iterator[str]:
    """The lines that say it, the heaviest words of each kind first; `most` bounds the words of a line, None shows all."""
    author = f"{found['model']}, on top of the shipped table" if found["by"] == "model" else BY[found["by"]]
    yield f"what '{found['icp']}' looks for, by {author} ({found['expansion_hash'][:8]})"
    for name, terms in found["functions"].items():
        for where, shown in PLACES.items():
            here = [term for term in terms if term["where"] == where]
            if here:
                yield f"  {name} in {shown}: {_listed(here, most)}"
    for by, intro in (
        ("table", "your own words"),
        ("model", f"added by {found['model'] or 'a model'}"),
        ("you", "added by you"),
    ):
        for where, shown in PLACES.items():
            here = [term for term in found["terms"] if term["by"] == by and term["where"] == where and term["weight"] >= 0]
            if here:
                yield f"  {intro}, in {shown}: {_listed(here, most)}"
    for where, shown in PLACES.items():
        against = [term for term in found["terms"] if term["weight"] < 0 and term["where"] == where]
        if against:
            yield f"  not wanted in {shown}: {_listed(against, most)}"
    if found["rivals"]:
        yield f"  titles of other work speak against: {', '.join(found['rivals'])}"
    yield from _remarks(found)


def _remarks(found: dict[str, Any]) -> Iterator[str]:
    if found["is_stale"]:
        yield f"  your edits are older than the ICP's wording: leadd icp expand {found['icp']} --reset spells it out anew"
    if found["problem"]:
        yield f"  {found['problem']}"
    if found["by"] == "table" and found["waits_for"]:
        yield f"  no model was asked: {found['waits_for']}"


def editable(found: dict[str, Any]) -> str:
    """The whole as YAML, one line for each word, ready to be edited."""
    import yaml

    body = {
        "functions": {name: [_short(term) for term in terms] for name, terms in found["functions"].items()},
        "terms": [_short(term) for term in found["terms"]],
        "rivals": found["rivals"],
    }
    head = (
        f"# What '{found['icp']}' looks for. Each word has a weight (1 is usual, below 0 speaks against, -5 to 5) and a\n"
        "# place: title, text or anywhere. word* finds what begins so. Lines may go, change or be added.\n"
    )
    return head + yaml.safe_dump(body, allow_unicode=True, sort_keys=False, default_flow_style=None, width=200)


def _short(term: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in term.items() if key != "by" or value != "table"}


def _listed(terms: list[dict[str, Any]], most: int | None) -> str:
    ordered = sorted(terms, key=lambda term: -abs(term["weight"]))
    shown = ordered if most is None else ordered[:most]
    more = f" … and {len(ordered) - len(shown)} more" if len(shown) < len(ordered) else ""
    return ", ".join(term["words"] + ("" if term["weight"] == 1 else f" {term['weight']:g}") for term in shown) + more
