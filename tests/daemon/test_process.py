"""The daemon as a process: start, stop, a second start, being killed, a model that is not there."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from daemon_parts import ICP, Home, free_port, ingest, wait
from kill_run import run_kills

from leadd.cli.daemon import _alive
from leadd.testing.ollama import FakeOllama, Speeds, ThreadedFake, threaded_fake

Make = Callable[..., Home]


@pytest.fixture
def ollama() -> Iterator[ThreadedFake]:
    with threaded_fake(speeds=Speeds()) as running:
        yield running


def with_model(fake: FakeOllama, **more: object) -> dict[str, object]:
    return {"models": {"endpoint": fake.url}, **more}


def test_start_waits_until_ready_and_stop_until_gone(make_home: Make) -> None:
    home = make_home()
    started = home.leadd("start")
    assert started.returncode == 0, started.stderr
    assert str(home.paths.socket_file) in started.stdout
    assert "no language model" in started.stdout
    status = json.loads(home.leadd("status", "--json").stdout)
    assert status["state"] == "degraded"
    assert {"pid", "version", "started_at", "listening", "reasons"} <= set(status)
    assert any("marketing_first_hire" in note for note in status["notes"]), "the shipped template is named"
    stopped = home.leadd("stop")
    assert stopped.returncode == 0, stopped.stderr
    assert not _alive(status["pid"])
    assert home.leadd("status").returncode == 3


def test_a_second_start_is_told_who_the_first_is(make_home: Make) -> None:
    home = make_home()
    home.start()
    status = home.status()
    for args in (("start",), ("start", "--foreground")):
        second = home.leadd(*args)
        assert second.returncode == 75
        for fact in (f"pid {status['pid']}", status["version"], status["started_at"]):
            assert fact in second.stderr
    assert home.status()["pid"] == status["pid"]


def test_a_start_that_fails_says_why_and_does_not_hang(make_home: Make) -> None:
    home = make_home()
    home.paths.config_file.write_text("prefilter:\n  score_treshold: 30\n")
    failed = home.leadd("start")
    assert failed.returncode == 78
    assert "leadd.yaml:2" in failed.stderr
    assert "score_threshold" in failed.stderr, "the nearest key that exists"


def test_a_taken_port_is_a_reason_not_an_end(make_home: Make) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        home = make_home(control={"http": {"port": port}})
        home.start()
        assert any(str(port) in reason for reason in home.status()["reasons"])


@pytest.mark.timeout(240)
def test_twenty_kills_lose_nothing_and_pay_for_nothing_twice(make_home: Make, ollama: ThreadedFake) -> None:
    run_kills(make_home, ollama, kills=20, seed=5)


def test_stop_in_the_middle_of_a_model_call(make_home: Make) -> None:
    with threaded_fake(speeds=Speeds(decode_tps=1.0)) as slow:
        home = make_home(**with_model(slow.fake, daemon={"grace_s": 1}))
        home.start()
        home.client.post("/api/icp/", ICP)
        ingest(home, range(1))
        wait(lambda: slow.fake.stats.in_flight)
        assert home.terminate() < 8, "back within the grace time"
        wait(lambda: not slow.fake.stats.in_flight)
    with threaded_fake(speeds=Speeds()) as quick:
        home.configure(models={"endpoint": quick.fake.url}, control={"http": {"enabled": False}})
        home.start()
        assert sum(home.wait_outcomes(1).values()) == 1


def test_ollama_absent_at_start_then_there(make_home: Make) -> None:
    port = free_port()
    home = make_home(models={"endpoint": f"http://127.0.0.1:{port}"}, prefilter={"mode": "fixed"})
    home.start()
    home.client.post("/api/icp/", ICP)
    assert home.status()["state"] == "degraded"
    ingest(home, range(6), every_lead=2)
    assert home.wait_outcomes(3) == {"filtered": 3}
    wait(lambda: any("3 signals wait for the model" in r for r in home.status()["reasons"]))
    with threaded_fake(port=port, speeds=Speeds()) as late:
        outcomes = home.wait_outcomes(6, 40)
        assert outcomes["filtered"] == 3
        assert late.fake.stats.completed["gemma3:1b", "triage"] == 3 + 1, "one of them about a text without content"
        wait(lambda: home.status()["state"] == "ok")


def test_a_second_signal_stops_at_once(make_home: Make) -> None:
    with threaded_fake(speeds=Speeds(decode_tps=0.5)) as slow:
        home = make_home(**with_model(slow.fake, daemon={"grace_s": 30}))
        home.start()
        home.client.post("/api/icp/", ICP)
        ingest(home, range(1))
        wait(lambda: slow.fake.stats.in_flight)
        assert home.process is not None
        home.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert home.process.poll() is None
        assert home.terminate() < 15


def test_a_plugin_in_a_file_works_and_a_broken_one_harms_nobody(make_home: Make) -> None:
    home = make_home(sources={"mine": {"use": "greeter"}})
    home.paths.plugins_folder.mkdir(mode=0o700)
    (home.paths.plugins_folder / "greeter.py").write_text(GREETER)
    (home.paths.plugins_folder / "broken.py").write_text("import nothing_of_that_name\n")
    home.start()
    home.wait_outcomes(1)
    assert next(home.signals())["source"] == "mine"
    plugins = {p["name"]: p for p in home.client.get("/api/plugins")["items"]}
    assert plugins["greeter"]["state"] == "loaded"
    assert plugins["broken"]["state"] == "failed_import"
    assert "nothing_of_that_name" in plugins["broken"]["reason"]
    assert any("broken" in reason for reason in home.status()["reasons"])


GREETER = '''"""A source of my own."""

from leadd.api import SignalDraft, Source


class Greeter(Source):
    name = "greeter"

    async def poll(self, cursor):
        if cursor is None:
            yield SignalDraft("Our bakery needs a marketing person, we have no leads at all.", external_id="1", cursor="1")


def leadd_sources():
    return [Greeter]
'''


def test_the_earlier_curl_lines(make_home: Make, ollama: ThreadedFake) -> None:
    port = free_port()
    home = make_home(**with_model(ollama.fake, control={"http": {"port": port, "auth": "none"}}))
    home.start()
    base = f"http://localhost:{port}"

    def curl(path: str, body: object = None) -> dict[str, object]:
        args = ["curl", "-s", f"{base}{path}"]
        if body is not None:
            args += ["-X", "POST", "-H", "Content-Type: application/json", "-d", json.dumps(body)]
        found: dict[str, object] = json.loads(subprocess.run(args, capture_output=True, check=True, timeout=30).stdout)
        return found

    health = curl("/health")
    assert {"api", "database", "ollama", "cache", "prompts", "features"} <= set(health)
    first = curl("/api/classify/signal", {"signal_text": "Looking for marketing manager"})
    assert first["status"] in {"ok", "filtered"}
    assert first["method"] == "model"
    assert first["cached"] is False
    again = curl("/api/classify/signal", {"signal_text": "Looking for marketing manager"})
    assert again["cached"] is True
    assert again["total_score"] == first["total_score"]
    assert again["signal_id"] == first["signal_id"]
    metrics = curl("/api/classify/metrics")
    assert metrics["cache"]["hits"] >= 1  # type: ignore[index]
    batch = curl(
        "/api/classify/signal/batch",
        [{"signal_text": "Looking for marketing manager"}, {"signal_text": "We sell apples"}, {"signal_text": "SEO help"}],
    )
    assert batch["count"] == 3
    assert len(batch["results"]) == 3  # type: ignore[arg-type]
    assert {"created_leads", "filtered", "errors"} <= set(batch)
    assert curl("/api/classify/cache/clear", {})["status"] in {"ok", "success"}
    after = curl("/api/classify/signal", {"signal_text": "Looking for marketing manager"})
    assert after["cached"] is False, "a cleared cache remembers nothing"
    reloaded = curl("/api/classify/templates/reload", {})
    assert set(reloaded["templates"]) >= {"triage", "classification", "dossier"}  # type: ignore[call-overload]


def test_help_and_status_import_nothing_heavy(make_home: Make) -> None:
    home = make_home()
    home.start()
    for args in (["--help"], ["status"]):
        code = (
            "import sys; from leadd.cli.main import cli\n"
            f"try: cli.main({args!r})\nexcept SystemExit: pass\n"
            "heavy = {'pydantic', 'aiohttp', 'numpy', 'rich', 'yaml', 'sqlite3'}\n"
            "print(sorted({m.split('.')[0] for m in sys.modules} & heavy))"
        )
        done = subprocess.run([sys.executable, "-c", code], env=home.environ, capture_output=True, text=True, check=True)
        assert done.stdout.strip().splitlines()[-1] == "[]"


BAD_SOURCES = """import sys, time
from leadd.api import SignalDraft, Source


class Blocking(Source):
    name = "blocking"

    async def poll(self, cursor):
        time.sleep(1000)
        yield SignalDraft("never")


class Leaving(Source):
    name = "leaving"

    async def poll(self, cursor):
        yield SignalDraft("Our bakery needs a marketing person, we have no leads at all.", external_id="1", cursor="1")
        sys.exit(5)


def leadd_sources():
    return [Blocking, Leaving]
"""


def with_bad_source(make_home: Make, use: str) -> Home:
    home = make_home(sources={"bad": {"use": use}})
    home.paths.plugins_folder.mkdir(mode=0o700)
    (home.paths.plugins_folder / "bad.py").write_text(BAD_SOURCES)
    return home


def test_a_plugin_that_calls_exit_ends_nothing(make_home: Make) -> None:
    home = with_bad_source(make_home, "leaving")
    home.start()
    home.wait_outcomes(1)
    wait(lambda: any("source bad is retrying" in r and "SystemExit" in r for r in home.status()["reasons"]))


def test_a_plugin_that_blocks_everything_can_still_be_stopped(make_home: Make) -> None:
    home = with_bad_source(make_home, "blocking")
    home.start_without_waiting()
    wait(home.paths.lock_file.exists)
    time.sleep(3)
    stopped = home.leadd("stop", "--timeout", "1")
    assert stopped.returncode == 0, stopped.stderr
    assert home.process is not None
    assert home.process.wait(10) is not None


def test_icps_that_were_added_while_it_was_stopped_count_from_the_first_signal(make_home: Make) -> None:
    home = make_home()
    added = home.leadd(
        "icp", "add", "mine", "--description", "Companies that hire for marketing work.", "--hiring", "marketing"
    )
    assert added.returncode == 0, added.stderr
    (home.folder / "icps" / "broken.yaml").write_text("name: x\n")
    home.start()
    status = home.status()
    assert status["icps"] == ["mine"]
    assert any("broken.yaml" in reason for reason in status["reasons"])
    assert not (home.folder / "icps" / "mine.yaml").exists()
