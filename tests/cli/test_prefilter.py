"""`leadd prefilter …` on a real daemon with a faithful fake of Ollama: what is promised, why a signal passed, the way back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cli_parts import Cli
from daemon_parts import ICP, wait

from leadd.testing.ollama import Speeds, threaded_fake


def ads(count: int) -> bytes:
    rows: list[dict[str, Any]] = [
        {
            "title": "Marketing Manager" if number % 2 else "Truck Driver",
            "company": f"Company {number}",
            "text": f"Opening {number}: we look for somebody who likes to travel. Send us a few lines about yourself, please.",
        }
        for number in range(count)
    ]
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def test_the_promise_is_shown_and_every_signal_can_say_why(make_cli: Callable[..., Cli]) -> None:
    with threaded_fake(speeds=Speeds()) as ollama:
        home = make_cli(models={"endpoint": ollama.fake.url})
        home.start()
        home.client.post("/api/icp/", ICP)
        wait(lambda: home.status()["models"]["classify"]["method"] == "model")
        home.client.upload("/api/ingest/signals", iter([ads(6)]), "application/x-ndjson")
        home.wait_outcomes(6)
        shown = home.run("prefilter", "show")
        assert shown.code == 0
        assert shown.out.startswith("marketing: No promise yet: everything passes while leadd gets to know your stream")
        assert "6 passed, 0 dropped (100% pass)" in shown.out
        (item,) = home.run("prefilter", "show", "--json").data["items"]
        assert (item["mode"], item["passed"], item["deciding"]) == ("certified", 6, "untaught")
        assert item["sentence"] in home.run("status").out
        why = home.run("signals", "why", "1").out
        assert "prefilter: keep (score " in why
        assert "rule certified" in why
        assert "no threshold is certified yet, so everything passes" in why
        assert "rests on warm-up, scored by untaught" in why
        assert home.run("prefilter", "versions", "marketing").rows == [["untaught", "0", "0", "0", "", "decides and ranks"]]
        back = home.run("prefilter", "rollback", "marketing")
        assert back.code != 0
        assert "nothing before it" in back.err
        nobody = home.run("prefilter", "versions", "nobody")
        assert nobody.code != 0
        assert "in force: marketing" in nobody.err
    home.kill()
    home.configure(models={"endpoint": "http://127.0.0.1:9"}, prefilter={"score_threshold": 30})
    home.start()
    assert "No promise: the points of the rules decide" in home.run("prefilter", "show").out
