"""`leadd tune` the whole way: verdicts, a made model that wins, what status and models say of it, a restart, and undo."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cli_parts import Cli
from daemon_parts import ICP, wait

from leadd.core.companies import fold_name
from leadd.core.training.training import HELD, TRAIN, split_of
from leadd.testing.ollama import Speeds, threaded_fake

BASE, TUNED = "gemma3:1b", "leadd/gemma3:1b-triage"


def judge(question: Any) -> str | None:
    """The base model is right on every other signal, a model made of it on all."""
    text = question.signal.get("text", "")
    if question.role != "triage" or "Reference" not in text:
        return None
    is_right = question.model != BASE or int(text.rsplit("Reference ", 1)[1].split(".")[0]) % 2
    return "yes" if ("marketer" in text) == bool(is_right) else "no"


def companies(side: str, count: int) -> list[int]:
    """Numbers of companies on one side of the split."""
    return [n for n in range(400) if split_of(fold_name(f"Company {n} GmbH")) == side][:count]


def test_a_tuned_model_is_taken_shown_and_given_back(make_cli: Callable[..., Cli]) -> None:
    with threaded_fake(speeds=Speeds(), oracle=judge) as ollama:
        home = make_cli(models={"endpoint": ollama.fake.url}, control={"http": {"enabled": False}})
        home.start()
        home.client.post("/api/icp/", ICP)
        home.run("models")
        rows = [
            {
                "title": f"Opening {n}",
                "company": f"Company {n} GmbH",
                "text": f"{'A marketer' if n % 3 == 0 else 'A driver'} may apply in town {n}. Reference {n}. We pay well.",
            }
            for n in companies(HELD, 26) + companies(TRAIN, 9)
        ]
        lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        home.client.upload("/api/ingest/signals", iter([lines]), "application/x-ndjson")
        home.wait_outcomes(len(rows))
        for signal in home.client.get("/api/signals", limit=500)["items"]:
            word = "accept" if "marketer" in signal["text"] else "reject"
            home.client.post(f"/api/signals/{signal['id']}/verdict", {"verdict": word, "icp": ICP["name"]})
        home.wait_outcomes(len(rows))
        said = home.run("tune", "--yes")
        assert said.code == 0, said.err + said.out
        assert f"{TUNED} is right on 100%" in said.out
        assert "it is taken" in said.out
        wait(lambda: any(TUNED in note for note in home.status()["notes"]))
        assert TUNED in home.run("models").out
        home.run("restart")
        wait(lambda: home.status()["models"]["triage"]["ok"])
        assert any(TUNED in note for note in home.status()["notes"])
        assert TUNED in home.run("models").out
        undone = home.run("tune", "--undo")
        assert undone.out == f"{TUNED} plays triage no longer; it is still on its server\n"
        assert not any(TUNED in note for note in home.status()["notes"])
        assert home.run("tune", "--undo").code == 1
        assert home.run("tune").code == 2, "nobody can be asked here"
