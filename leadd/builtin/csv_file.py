"""The sink `csv`: one row a lead, safe to open in a spreadsheet.

Columns: `key` (of the delivery, never twice), `lead_id`, `revision`, `event`, `icp`, `name`, `company`, `domain`, `website`,
`location`, `score`, `bucket`, `status`, `method`, `reasons` (joined by '; '), `emails`, `phones`, `links` (joined by ' '),
`signals` (how many), `title` and `url` (of the best signal), `created_at`, `updated_at` (ISO 8601, UTC).
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO, ClassVar

from pydantic import Field

from leadd.api import ComponentConfig, Context, Lead, NeedsAttention
from leadd.builtin.appending import AppendedFile, FileConfig, FileSink

COLUMNS = (
    "key", "lead_id", "revision", "event", "icp", "name", "company", "domain", "website", "location", "score", "bucket",
    "status", "method", "reasons", "emails", "phones", "links", "signals", "title", "url", "created_at", "updated_at",
)  # fmt: skip
_DANGEROUS = frozenset("=+-@\t\r\n")
_MARK = b"\xef\xbb\xbf"


def make_inert(cell: str) -> str:
    """The cell, with an apostrophe before it where a spreadsheet would take it for a formula.

    Blanks and invisible characters before the sign do not help it, nor do the full-width signs: spreadsheets fold both.
    """
    if cell[:1] in _DANGEROUS:
        return "'" + cell
    for char in cell:
        if char.isspace() or unicodedata.category(char) in ("Cf", "Cc"):
            continue
        return "'" + cell if unicodedata.normalize("NFKC", char)[:1] in _DANGEROUS or char in "\u2212\ufe63" else cell
    return cell


def make_cells(lead: Lead, key: str) -> dict[str, str]:
    """Column to text, before it is made inert."""
    best = max(lead.signals, key=lambda signal: signal.score, default=None)
    found: dict[str, list[str]] = {"email": [], "phone": [], "link": []}
    for contact in lead.contacts:
        found.setdefault(contact.kind, []).append(contact.value)
    return {
        "key": key,
        "lead_id": str(lead.id),
        "revision": str(lead.revision),
        "event": lead.event,
        "icp": lead.icp,
        "name": lead.name,
        "company": lead.company or "",
        "domain": lead.domain or "",
        "website": lead.website or "",
        "location": lead.location or "",
        "score": str(lead.score),
        "bucket": lead.bucket,
        "status": lead.status,
        "method": lead.method,
        "reasons": "; ".join(lead.reasons),
        "emails": " ".join(found["email"]),
        "phones": " ".join(found["phone"]),
        "links": " ".join(found["link"]),
        "signals": str(len(lead.signals)),
        "title": best.title if best else "",
        "url": (best.url or "") if best else "",
        "created_at": _iso(lead.created_at_ms),
        "updated_at": _iso(lead.updated_at_ms),
    }


def _iso(value_ms: int) -> str:
    return datetime.fromtimestamp(value_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class CsvConfig(FileConfig):
    """Settings of the sink csv. `mark`: begin a new file with the mark by which Excel knows UTF-8."""

    path: Annotated[str, Field(min_length=1, max_length=1000)] = "leads.csv"
    mark: bool = False


class CsvFile(AppendedFile):
    """A CSV file with one header; rows are written in the order of the header that it has."""

    def __init__(self, path: Path, *, mark: bool) -> None:
        super().__init__(path)
        self._mark = mark
        self._header: list[str] = []

    def scan(self, stream: BinaryIO, size: int) -> Iterator[tuple[str, int]]:
        self._header = []
        held = b""
        end = 0
        for line in stream:
            held += line
            # Within a record the double quotes come in pairs; an odd number means that a quoted cell goes on.
            if not line.endswith(b"\n") or held.count(b'"') % 2:
                continue
            end += len(held)
            yield self._key_of(held), end
            held = b""

    def _key_of(self, record: bytes) -> str:
        cells = next(csv.reader(io.StringIO(record.removeprefix(_MARK).decode("utf-8", "replace"), newline="")), [])
        if not self._header:
            self._header = cells
            return ""
        place = self._header.index("key") if "key" in self._header else -1
        return cells[place].removeprefix("'") if 0 <= place < len(cells) else ""

    def is_torn_record(self, rest: bytes) -> bool:
        # Every cell of ours is quoted. A last line that lacks only its line end is whole; it gets one instead.
        if not rest.strip(b"\0") or _MARK.startswith(rest):
            return True
        rest = rest.removesuffix(b"\r")
        cells = rest.count(b'","') + 1
        whole = rest.endswith(b'"') and rest.count(b'"') % 2 == 0 and cells >= len(self._header or COLUMNS)
        return rest.removeprefix(_MARK).startswith(b'"') and not whole

    def prepare(self, size: int) -> bytes:
        if size == 0:
            self._header = list(COLUMNS)
            return (_MARK if self._mark else b"") + _join(self._header)
        if "key" not in self._header:
            raise NeedsAttention(
                f"{self.path} is not a file that leadd wrote: its first row has no column 'key'",
                hint="move it away, or name another path",
            )
        return b""

    def encode(self, lead: Lead, key: str) -> bytes:
        cells = make_cells(lead, key)
        return _join([make_inert(cells.get(column, "")) for column in self._header])


def _join(cells: list[str]) -> bytes:
    out = io.StringIO(newline="")
    # All cells are quoted: an unquoted ';' would begin a new cell, and with it a formula, where lists are split by ';'.
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow([cell.replace("\0", "") for cell in cells])
    return out.getvalue().encode("utf-8", "replace")


class CsvSink(FileSink):
    """Appends leads to a CSV file with a header. A key stands in the file once."""

    name: ClassVar[str] = "csv"
    Config: ClassVar[type[ComponentConfig]] = CsvConfig

    def __init__(self, config: CsvConfig, ctx: Context) -> None:
        super().__init__(config, ctx)
        self._mark = config.mark

    def make_file(self, path: Path) -> AppendedFile:
        return CsvFile(path, mark=self._mark)
