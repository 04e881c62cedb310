"""The loop that a script would be: one signal after the other, one commit after each step. What leadd is held against."""

from __future__ import annotations

import http.client
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.instant import InstantModel
from benchmarks.texts import ICP
from leadd.api import Classification, Role, Signal, SignalDraft
from leadd.core import companies, quality, questions, scoring, triage
from leadd.core.answer_checks import check_classification
from leadd.core.intake import prepare
from leadd.core.prefilter import CompiledIcp, Drop, judge
from leadd.prompting import PromptBook, packaged_folder

Ask = Callable[[Role, Signal], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class PlainRun:
    """What the loop did. `commits` are synchronous=FULL, one after each step of each signal."""

    seconds: float
    signals: int
    leads: int
    calls: int
    commits: int

    @property
    def per_minute(self) -> float:
        """Signals a minute."""
        return self.signals / self.seconds * 60


def run_plain(folder: Path, ask: Ask, drafts: Sequence[SignalDraft]) -> PlainRun:
    """Store, prefilter, ask triage, ask classification, score, make a lead, append it to a file; one signal after the other.

    The pure parts (cleaning, contacts, prefilter, prompts, checks, score) are leadd's own, so that the same work is done. What
    the loop does without: caches, twins, retries, leases, provenance, leads merged over signals, an outbox.
    """
    conn = sqlite3.connect(folder / "plain.db", isolation_level=None)
    for statement in _SCHEMA:
        conn.execute(statement)
    icp = CompiledIcp.of(ICP)
    thresholds = scoring.Thresholds()
    calls = commits = leads = 0
    began = time.perf_counter()
    with (folder / "plain.jsonl").open("a", encoding="utf-8") as out:
        for draft in drafts:
            row = prepare("plain", draft)
            signal_id = conn.execute(
                "INSERT INTO signal (hash, title, text) VALUES (?, ?, ?)", (row.dedupe_key, row.title, row.text)
            ).lastrowid
            commits += 1
            signal = Signal(
                signal_id or 0, "plain", row.text, row.title, row.content_hash, 0,
                url=row.url, company=row.company, location=row.location, source_type=row.source_type,
            )  # fmt: skip
            outcome = "filtered"
            if not isinstance(judge(signal, icp, threshold=20, min_chars=40), Drop):
                worth = ask(Role.TRIAGE, signal)
                _journal(conn, signal_id, "triage", worth)
                calls, commits = calls + 1, commits + 1
                # The words of these texts are so plain that leadd, too, reads them closer whatever triage says.
                answer = ask(Role.CLASSIFY, signal)
                _journal(conn, signal_id, "classify", answer)
                calls, commits = calls + 1, commits + 1
                company = companies.company_of(signal, row.contacts)
                known = quality.data_quality(company, row.contacts, signal)
                score = scoring.score(Classification.model_validate(answer), known.points, thresholds)
                outcome = score.bucket.value
                if answer["icp_match"]:
                    name = companies.display_name(signal, company)
                    conn.execute("INSERT OR REPLACE INTO lead (company, score) VALUES (?, ?)", (name, score.total))
                    commits, leads = commits + 1, leads + 1
                    out.write(json.dumps({"company": name, "score": score.total, "reasons": score.reasons, **answer}) + "\n")
                    out.flush()
                    os.fsync(out.fileno())
            conn.execute("UPDATE signal SET outcome = ? WHERE id = ?", (outcome, signal_id))
            commits += 1
    seconds = time.perf_counter() - began
    conn.close()
    return PlainRun(seconds, len(drafts), leads, calls, commits)


_SCHEMA = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "CREATE TABLE signal (id INTEGER PRIMARY KEY, hash TEXT UNIQUE, title TEXT, text TEXT, outcome TEXT)",
    "CREATE TABLE answer (id INTEGER PRIMARY KEY, signal_id INTEGER, stage TEXT, body TEXT)",
    "CREATE TABLE lead (id INTEGER PRIMARY KEY, company TEXT UNIQUE, score INTEGER)",
)


def _journal(conn: sqlite3.Connection, signal_id: int | None, stage: str, answer: Mapping[str, Any]) -> None:
    conn.execute("INSERT INTO answer (signal_id, stage, body) VALUES (?, ?, ?)", (signal_id, stage, json.dumps(answer)))


def instant_asker(model: InstantModel) -> Ask:
    """Asks the model of this process."""
    prompts = _Prompts()

    def ask(role: Role, signal: Signal) -> dict[str, Any]:
        shown = prompts.show(role, signal)
        chars = sum(len(m.content) for m in shown.rendered.messages)
        return _checked(role, signal, json.loads(model.reply(role, signal.title, signal.text, chars).text), shown)

    return ask


@contextmanager
def http_asker(host: str, port: int, model: str) -> Iterator[Ask]:
    """Asks an Ollama server over one connection that is kept until the block ends."""
    prompts = _Prompts()
    connection = http.client.HTTPConnection(host, port)

    def ask(role: Role, signal: Signal) -> dict[str, Any]:
        shown = prompts.show(role, signal)
        rendered = shown.rendered
        body = {
            "model": model, "stream": False, "format": rendered.schema,
            "messages": [{"role": m.role, "content": m.content} for m in rendered.messages],
            "options": {"num_ctx": 4096, "num_predict": rendered.max_tokens, "temperature": 0},
        }  # fmt: skip
        connection.request("POST", "/api/chat", json.dumps(body), {"Content-Type": "application/json"})
        said = json.loads(connection.getresponse().read())["message"]["content"]
        return _checked(role, signal, json.loads(said), shown)

    try:
        yield ask
    finally:
        connection.close()


def _checked(role: Role, signal: Signal, data: Any, shown: questions.Shown) -> dict[str, Any]:
    if role is Role.TRIAGE:
        return triage.checked({"label": data} if isinstance(data, str) else data, signal)
    return check_classification(data, ICP, signal, shown.excerpt.sentences)


class _Prompts:
    """The same prompts as leadd's, so that the model reads the same."""

    def __init__(self) -> None:
        self._book = PromptBook([packaged_folder()])
        self._book.load()

    def show(self, role: Role, signal: Signal) -> questions.Shown:
        is_triage = role is Role.TRIAGE
        chars = questions.TRIAGE_CHARS if is_triage else questions.CLASSIFY_CHARS
        return questions.show(self._book, "triage" if is_triage else "classification", ICP, signal, ceiling_chars=chars)
