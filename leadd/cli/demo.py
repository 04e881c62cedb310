"""`leadd demo`: a temporary home, real files, the daemon really started, and what came of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from leadd.cli.client import Client
from leadd.cli.demo_report import collect, show
from leadd.cli.exits import FAILED, Ended
from leadd.cli.output import json_option, print_json, say
from leadd.config.paths import Paths

SAMPLES = Path(__file__).parents[1] / "samples"
OLLAMA = "http://localhost:11434"
MODELS = ("gemma3:1b", "gemma3:4b")
STALL_S = 600.0
"""Without a single new outcome for so long, something is wrong; a slow machine is not."""
COLUMNS = {"external_id": "id", "text": "text", "title": "title", "company": "company", "company_website": "website",
           "location": "location", "url": "url", "posted_at": "posted_at"}  # fmt: skip
POST_COLUMNS = {"external_id": "id", "text": "post", "url": "link", "author": "author", "posted_at": "date"}


@click.command()
@click.option("--keep", is_flag=True, help="Keep the temporary home, to look around in it.")
@json_option
def demo(keep: bool, as_json: bool) -> None:
    """Show the whole way from signals to leads, in a temporary home: nothing to set up, nothing left behind.

    Uses Ollama where one answers with fitting models (OLLAMA_BASE_URL), else the evidence in the texts themselves.
    """
    home = Path(tempfile.mkdtemp(prefix="leadd-demo-"))
    environ = {k: v for k, v in os.environ.items() if not k.startswith("LEADD_")} | {"LEADD_HOME": str(home)}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # or the daemon would outlive the demo
    try:
        found = _run(home, environ, quiet=as_json)
        if as_json:
            print_json(found)
        else:
            show(found)
            if keep:
                say(f"The home is {home}; look around with: LEADD_HOME={home} leadd start")
    finally:
        _leadd(environ, "stop", check=False)
        if not keep:
            shutil.rmtree(home, ignore_errors=True)


def _run(home: Path, environ: dict[str, str], *, quiet: bool) -> dict[str, Any]:
    def progress(line: str, end: str = "\n") -> None:
        if not quiet:
            click.echo(line + end, err=True, nl=False)

    count = _prepare(home)
    endpoint = environ.get("OLLAMA_BASE_URL") or OLLAMA
    models, missing = _models_at(endpoint)
    progress(f"{count} sample signals (job ads, forum posts and mails, English and German) lie in {home / 'inbox'}")
    if missing:
        environ["LEADD__MODELS__WITHOUT_MODEL"] = "evidence"
        judge = f"the evidence in the texts themselves; no language model ({missing})"
    else:
        judge = f"{' and '.join(models)} on the Ollama at {endpoint}"
    progress(f"they are judged by {judge}")
    progress(_leadd(environ, "start", check=True).strip().splitlines()[0])
    client = Client(Paths.under(home))
    _wait(client, count, progress)
    return {
        "judged_by": judge,
        "language_model": None if missing else list(models),
        **collect(client),
        "delivered": _leads_in(home / "leads.jsonl"),
    }


def _leads_in(file: Path) -> int:
    """How many leads the sink's file holds; one that rose into a better bucket stands there twice."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return len({json.loads(line)["id"] for line in lines})


def _prepare(home: Path) -> int:
    """The samples in the inbox folder, and settings with two folder sources and a file for the leads; the number of signals."""
    shutil.copytree(SAMPLES / "signals", home / "inbox")
    settings = {
        "control": {"http": {"enabled": False}},
        "prefilter": {"mode": "fixed"},  # a handful of signals can prove no threshold, and all of them would pass
        "sources": {
            "ads": {"use": "folder", "path": str(home / "inbox"), "patterns": ["*.jsonl"], "columns": COLUMNS,
                    "settle_s": 0, "source_type": "job_ad"},
            "posts": {"use": "folder", "path": str(home / "inbox"), "patterns": ["*.csv"], "columns": POST_COLUMNS,
                      "settle_s": 0, "source_type": "forum_post"},
            "mails": {"use": "folder", "path": str(home / "inbox"), "patterns": ["*.txt", "*.md"], "settle_s": 0,
                      "source_type": "mail"},
        },
        "sinks": {"file": {"use": "jsonl", "path": str(home / "leads.jsonl")}},
    }  # fmt: skip
    (home / "leadd.yaml").write_text(json.dumps(settings, indent=1), encoding="utf-8")  # JSON is YAML
    return sum(_signals_in(f) for f in (home / "inbox").iterdir())


def _signals_in(file: Path) -> int:
    if file.suffix == ".jsonl":
        rows = [json.loads(line)["id"] for line in file.read_text(encoding="utf-8").splitlines()]
        return len(set(rows))
    if file.suffix == ".csv":
        return len(file.read_text(encoding="utf-8").splitlines()) - 1
    return 1


def _models_at(endpoint: str) -> tuple[tuple[str, ...], str]:
    """The models that would be asked, and why they cannot be (empty where they can)."""
    try:
        with urllib.request.urlopen(f"{endpoint.rstrip('/')}/api/tags", timeout=2) as answer:
            held = {m["name"] for m in json.load(answer)["models"]}
    except (OSError, ValueError, KeyError, TypeError):
        return MODELS, f"no Ollama answers at {endpoint}"
    wanted = (os.environ.get("OLLAMA_MODEL_1B") or MODELS[0], os.environ.get("OLLAMA_MODEL_4B") or MODELS[1])
    gone = [m for m in wanted if m not in held]
    return wanted, f"Ollama has no {' and no '.join(gone)}; ollama pull fetches them" if gone else ""


def _leadd(environ: dict[str, str], *args: str, check: bool) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "leadd", *args],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if check and done.returncode != 0:
        raise Ended(done.stderr.strip().removeprefix("leadd: ") or "the daemon did not start", code=done.returncode or FAILED)
    return done.stdout


def _wait(client: Client, count: int, progress: Callable[..., None]) -> None:
    """Until every sample has its outcome, or until Ctrl-C: then what there is so far is shown."""
    terminal = sys.stderr.isatty()
    shown, moved = -1, time.monotonic()
    try:
        while shown < count:
            done = sum(client.get("/api/status")["outcomes"].values())
            if done != shown:
                shown, moved = done, time.monotonic()
                if terminal or done >= count:
                    progress(f"  {done} of {count} signals have their outcome", "\r" if terminal and done < count else "\n")
            if time.monotonic() - moved > STALL_S:
                raise Ended("the demo does not get on", hint="try it again with --keep and look at: leadd logs")
            time.sleep(0.1)
        while any(client.get("/api/deliveries", state=state, limit=1)["items"] for state in ("pending", "leased")):
            time.sleep(0.05)
    except KeyboardInterrupt:
        progress("\nstopped by you; this is what there is so far")
