"""Signals with a known answer out of a file: JSONL or CSV, plain or gzipped, for `leadd eval`."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_YES = frozenset({"true", "yes", "y", "1"})
_NO = frozenset({"false", "no", "n", "0"})
_UNKNOWN = frozenset({"", "null", "none", "unknown", "na", "n/a"})


@dataclass(frozen=True, slots=True)
class LabelledSignal:
    """A signal, whether it is wanted, the company by which intervals are drawn, and its near-duplicate group if one is
    given."""

    title: str
    text: str
    company: str
    wanted: bool
    group: str | None = None


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """The signals whose label is known, and how many have none."""

    signals: tuple[LabelledSignal, ...]
    unknown: int


class FileInvalid(ValueError):
    """The message names file, line and field, and the way out."""


def read_labelled(file: Path, label: str) -> LabelledFile:
    """Read `title`, `text`, `company`, the label, and `dup_group` where there is one; other fields are left alone.

    The label is a field of that name, or of the mapping `labels`: true, false, or null (unknown; so is a missing one). A file
    ending in .csv or .csv.gz is CSV, every other one JSONL. Raises FileInvalid, and OSError where it cannot be read.
    """
    found: list[LabelledSignal] = []
    unknown = 0
    seen_label = False
    for line, row in _rows(file):
        place = f"{file.name}:{line}"
        said, value = _label_of(row, label)
        seen_label = seen_label or said
        wanted = _truth(value, f"{place}: {label}")
        if wanted is None:
            unknown += 1
            continue
        title, text = _text(row, "title", place), _text(row, "text", place)
        if not title.strip() and not text.strip():
            raise FileInvalid(f"{place}: title and text are both empty; leave the row out")
        company = _text(row, "company", place).strip()
        found.append(LabelledSignal(title, text, company or f"row {line}", wanted, _text(row, "dup_group", place) or None))
    if not found and not unknown:
        raise FileInvalid(f"{file.name} holds no rows")
    if not seen_label:
        raise FileInvalid(f"{file.name}: no row has the label '{label}'; name one that stands there: --label NAME")
    return LabelledFile(tuple(found), unknown)


def _rows(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        with gzip.open(file, "rb") if file.name.endswith(".gz") else file.open("rb") as opened:
            content = opened.read().decode("utf-8-sig")
    except (gzip.BadGzipFile, EOFError) as error:
        raise FileInvalid(f"{file.name} is no whole gzip file: {error}") from None
    except UnicodeDecodeError as error:
        raise FileInvalid(f"{file.name}: byte {error.start} is not UTF-8; write the file anew as UTF-8") from None
    if file.name.removesuffix(".gz").endswith(".csv"):
        yield from _csv_rows(file, content)
        return
    for number, line in enumerate(content.split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise FileInvalid(f"{file.name}:{number}: no JSON: {error}") from None
            if not isinstance(row, dict):
                raise FileInvalid(f"{file.name}:{number}: a JSON object is needed, one in each line")
            yield number, row


def _csv_rows(file: Path, content: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    rows = csv.DictReader(io.StringIO(content, newline=""), strict=True)
    try:
        for row in rows:
            if None in row:
                raise FileInvalid(f"{file.name}:{rows.line_num}: more fields than the first line has names for")
            yield rows.line_num, row
    except csv.Error as error:
        raise FileInvalid(f"{file.name}:{rows.line_num + 1}: {error}") from None


def _label_of(row: Mapping[str, Any], label: str) -> tuple[bool, object]:
    """Whether the row has the label at all, and its value."""
    if label in row:
        return True, row[label]
    labels = row.get("labels")
    return (True, labels[label]) if isinstance(labels, Mapping) and label in labels else (False, None)


def _truth(value: object, place: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _UNKNOWN:
        return None
    if word in _YES or word in _NO:
        return word in _YES
    raise FileInvalid(f"{place}: {str(value)[:40]!r} is neither true nor false nor null")


def _text(row: Mapping[str, Any], field: str, place: str) -> str:
    value = row.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FileInvalid(f"{place}: {field}: a text is needed, not {type(value).__name__}")
    return value
