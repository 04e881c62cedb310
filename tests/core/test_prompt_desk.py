"""Reloads, rollbacks, labels and what is kept: with real files, a real store and signals on their way."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from core_parts import AD, Home, settled

from leadd.api import Role, SignalDraft
from leadd.core.engine import Core
from leadd.core.prompts.prompt_cases import Trials
from leadd.core.prompts.prompt_desk import PromptDesk
from leadd.core.prompts.prompt_lab import PromptLab
from leadd.prompting import PromptError, packaged_folder

SHIPPED = {name: (packaged_folder() / f"{name}.yaml").read_text(encoding="utf-8") for name in ("triage", "classification")}


def numbered(name: str, version: int) -> str:
    """The shipped prompt as another version, which says its number in the body and in the schema."""
    text = SHIPPED[name].replace("version: 2", f"version: {version}", 1)
    if name == "triage":
        return text.replace("Should a seller look", f"Edition {version}. Should a seller look")
    marked = text.replace("You read one text", f"Edition {version}. You read one text")
    return marked.replace("{type: string, maxLength: 100}", f"{{type: string, maxLength: {100 + version}}}", 1)


def save(folder: Path, text: str, name: str = "triage") -> None:
    half = folder / f".{name}.half"
    half.write_text(text, encoding="utf-8")
    half.replace(folder / f"{name}.yaml")


@asynccontextmanager
async def desk_over(core: Core, home: Home):
    trials = Trials(core.prompts.folders)
    desk = PromptDesk(core.prompts, trials, core.store, core.events, logging.getLogger("test.prompts"))
    await desk.open(core.prompts.load())
    yield desk


@pytest.fixture
def own(home: Home) -> Path:
    folder = home.folder / "prompts"
    folder.mkdir()
    home.prompt_folders = [folder]
    return folder


def in_force(desk: PromptDesk, name: str = "triage") -> str:
    return desk.book.in_force()[name].label


async def test_a_reload_is_told_kept_and_answered_either_way(home: Home, own: Path):
    async with home.core() as core, desk_over(core, home) as desk:
        save(own, numbered("triage", 3))
        good = await desk.reload("saved")
        assert (good.applied, in_force(desk)) == (True, "triage@3")
        assert "triage@2" in good.changes[0]
        assert "triage@3" in good.changes[0]
        before = good.edition
        save(own, numbered("triage", 4).replace("{{ icp_fields }}", "{{ icp_field }}"))
        bad = await desk.reload()
        assert (bad.applied, in_force(desk), bad.edition) == (False, "triage@3", before)
        assert f"{own / 'triage.yaml'}:" in str(bad.problems[0])
        save(own, numbered("triage", 4))
        assert (await desk.reload()).edition != before
        told = [event for event in core.events._recent if event.kind == "prompts.reloaded"]
        assert [event.data["applied"] for event in told] == [True, False, True]
        assert told[0].data["cause"] == "saved"
        assert told[1].data["problems"]
        assert [row.version for row in await core.store.prompts.list("triage")] == [4, 3, 2]
        assert {row.name for row in await core.store.prompts.list()} == {"triage", "classification", "dossier", "expansion"}


async def test_a_number_that_another_text_had_is_a_warning(home: Home, own: Path):
    async with home.core() as core, desk_over(core, home) as desk:
        save(own, numbered("triage", 3))
        assert (await desk.reload()).warnings == ()
        save(own, numbered("triage", 3).replace("Edition 3", "Edition three"))
        found = await desk.reload()
        assert found.applied
        (warning,) = found.warnings
        assert str(warning).startswith(f"{own / 'triage.yaml'}:3: version 3 was another text before (")
        assert (await desk.label("triage", warning.reason.split("(")[1][:8], "production")).version == 3
        assert "Edition 3." in desk.book.pick("triage").body
        assert (await desk.label("triage", desk.book.newest("triage").info.content_hash, "production")).version == 3
        assert desk.book.held() == {}


async def test_a_version_whose_cases_fail_does_not_go_live(home: Home, own: Path):
    async with home.core() as core, desk_over(core, home) as desk:
        (own / "triage.cases.yaml").write_text(
            "cases:\n  - id: odd\n    icp: nobody\n    signal: {text: a text}\n", encoding="utf-8"
        )
        save(own, numbered("triage", 3))
        found = await desk.reload()
        assert (found.applied, in_force(desk)) == (False, "triage@2")
        assert "triage.cases.yaml:2: triage@3 fails case 'odd'" in str(found.problems[0])
        standing = (await desk.standings())[-1]
        assert standing.why == "shipped with leadd; the last good one, for what was saved since has a problem"
        (own / "triage.cases.yaml").unlink()
        assert (await desk.reload()).applied


async def test_a_rollback_lasts_until_the_file_changes_or_is_undone(home: Home, own: Path):
    async with home.core() as core, desk_over(core, home) as desk:
        for version in (3, 4):
            save(own, numbered("triage", version))
            assert (await desk.reload()).applied
        assert (await desk.rollback("triage")).version == 3
        assert "rolled back; the newest is triage@4" in (await desk.standings())[-1].why
        assert (await desk.reload()).changes == ()
        assert in_force(desk) == "triage@3"
        save(own, numbered("triage", 4) + "\n")  # saved, but the same prompt
        await desk.reload()
        assert in_force(desk) == "triage@3"
        assert (await desk.undo("triage")).version == 4
        with pytest.raises(PromptError, match="nothing to undo"):
            await desk.undo("triage")
        assert (await desk.rollback("triage", "2")).version == 2
        save(own, numbered("triage", 5))
        found = await desk.reload()
        assert (found.released, in_force(desk)) == (("triage",), "triage@5")
        with pytest.raises(PromptError, match="no version 9"):
            await desk.rollback("triage", "9")
        with pytest.raises(PromptError, match="there is no prompt 'triag'; did you mean 'triage'"):
            await desk.rollback("triag")


async def test_rollback_and_candidate_survive_a_restart_and_end_with_their_file(home: Home, own: Path):
    async with home.core() as core, desk_over(core, home) as desk:
        for version in (3, 4):
            save(own, numbered("triage", version))
            await desk.reload()
        await desk.rollback("triage", "3")
        await desk.label("triage", "2", "candidate")
        with pytest.raises(PromptError, match="there is no label"):
            await desk.label("triage", "2", "best")
    async with home.core() as core, desk_over(core, home) as desk:
        assert in_force(desk) == "triage@3"
        assert desk.book.pick("triage", "candidate").info.version == 2
        rendered = desk.book.render("triage", {"icp_description": "x", "icp_fields": "y"}, {"text": "t"}, version="candidate")
        assert rendered.label == "triage@2"
        states = {s.version: s.state for s in await desk.standings("triage")}
        assert states == {3: "in force", 2: "candidate", 4: "file"}
    save(own, numbered("triage", 6))
    async with home.core() as core, desk_over(core, home) as desk:
        assert in_force(desk) == "triage@6"
        assert desk.book.pick("triage", "candidate").info.version == 2
        assert (await core.store.schedule.get("prompt.labels"))["triage"].keys() == {"candidate"}


async def test_a_rollback_outlives_a_start_with_a_broken_file(home: Home, own: Path):
    async with home.core() as core, desk_over(core, home) as desk:
        for version in (3, 4):
            save(own, numbered("triage", version))
            await desk.reload()
        await desk.rollback("triage", "3")
    save(own, "half of a fi", "classification")
    async with home.core(applied=False) as core, desk_over(core, home) as desk:
        assert in_force(desk) == "triage@3"
        (own / "classification.yaml").unlink()
        assert (await desk.reload()).applied
        assert in_force(desk) == "triage@3"
        assert (await desk.undo("triage")).version == 4


async def test_variants_of_one_file_are_versions_of_their_own(home: Home, own: Path):
    head, body = SHIPPED["triage"].split("\n---\n", 1)
    lines = "\n".join(f"      {line}" for line in body.replace("Should a seller", "Must a seller").splitlines())
    variants = f"variants:\n  - version: 3\n  - version: 4\n    body: |\n{lines}"
    text = f"{head.replace('version: 2', 'version: 3')}\n{variants}\n---\n{body}"
    (own / "triage.yaml").write_text(text, encoding="utf-8")
    async with home.core() as core, desk_over(core, home) as desk:
        assert in_force(desk) == "triage@4"
        assert desk.book.pick("triage", 3).body.startswith("Should a seller")
        assert desk.book.pick("triage", 4).body.startswith("Must a seller")
        assert (await desk.rollback("triage", "3")).version == 3
        assert core.prompts.in_force()["triage"].version == 3


async def test_a_file_cut_at_every_byte_leaves_the_last_good_one_or_is_a_version_of_its_own(home: Home, own: Path):
    whole = b"""---
name: triage
version: 3
variables:
  icp_description: {type: text}
labels: [yes, no]
max_tokens: 12
---
Who serves this: {{ icp_description }}?

{{ signal }}
"""
    path = own / "triage.yaml"
    async with home.core() as core, desk_over(core, home) as desk:
        path.write_bytes(whole)
        assert (await desk.reload()).applied
        good = desk.book.in_force()["triage"]
        rejected = 0
        for end in range(len(whole) + 1):
            path.write_bytes(whole[:end])
            found = desk.book.load()
            now = desk.book.in_force()["triage"]
            if found.applied:  # only what still ends with the signal is a prompt
                assert now.content_hash == good.content_hash, end
                assert whole[:end].rstrip().endswith(b"{{ signal }}"), end
            else:
                rejected += 1
                assert found.problems, end
                assert now == good, end
        assert rejected >= len(whole) - 2


async def test_answers_under_a_storm_of_reloads_are_of_one_version_each(home: Home, own: Path):
    """Reloads and signals race; what the model was shown, its schema and the journal's stamp name one version in every case."""
    home.change(pipeline={"in_flight": 8})
    asked: dict[str, set[tuple[str, ...]]] = {}
    mixed: list[str] = []

    def note(request):
        version = (
            request.messages[0].content.split("Edition ")[1].split(".")[0] if "Edition" in request.messages[0].content else "2"
        )
        longest = (request.schema or {}).get("properties", {}).get("why", {}).get("maxLength")
        if longest is not None and longest != (100 if version == "2" else 100 + int(version)):
            mixed.append(f"the body of version {version} with a schema of {longest}")
        asked.setdefault(request.subject.signal.text, set()).add((request.role.value, version))

    home.model.fail = note
    count, applied, rejected = 120, 0, 0
    async with home.core() as core, desk_over(core, home) as desk:

        async def storm() -> None:
            nonlocal applied, rejected
            for version in range(3, 43):
                broken = version % 5 in (1, 3)
                for name in ("triage", "classification"):
                    text = numbered(name, version)
                    save(own, text.replace("{{ signal }}", "{{ signal") if broken else text, name)
                found = await desk.reload()
                applied, rejected = applied + found.applied, rejected + (not found.applied)
                assert found.applied != broken
                await asyncio.sleep(0.005)

        drafts = [SignalDraft(text=f"{AD} Reference {n}.", title=f"Opening {n}", external_id=str(n)) for n in range(count)]
        storming = asyncio.ensure_future(storm())
        for start in range(0, count, 10):
            await core.ingest(drafts[start : start + 10])
            await asyncio.sleep(0.02)
        await storming
        outcomes = await settled(core, count)
        assert sum(outcomes.values()) == count
        kept = {(row.name, f"{row.name}@{row.version}", row.content_hash) for row in await core.store.prompts.list()}
        labels = {(label, content_hash) for _, label, content_hash in kept}
        for signal_id in range(1, count + 1):
            text = (await core.store.signals.get(signal_id)).text
            for row in await core.store.judgements.for_signal(signal_id):
                if row.stage in ("triage", "classify") and row.method == "model":
                    assert (row.prompt, row.prompt_hash) in labels
                    assert (row.stage, row.prompt.split("@")[1]) in asked[text]
    assert mixed == []
    assert (applied, rejected) == (24, 16)
    assert len({version for seen in asked.values() for _, version in seen}) > 5


async def test_what_another_version_would_change_comes_from_journal_and_cache_first(home: Home, own: Path):
    async with home.core() as core, desk_over(core, home) as desk:
        lab = PromptLab(core.store, core.inference, core.profiles, home.settings)
        drafts = [SignalDraft(text=f"{AD} Reference {n}.", title=f"Opening {n}", external_id=str(n)) for n in range(12)]
        await core.ingest(drafts[:8])
        await settled(core, 8)
        old = desk.book.pick("triage")
        save(own, numbered("triage", 3))
        await desk.reload()
        new = desk.book.pick("triage")
        home.model.worth = False

        def triaged() -> int:
            return sum(role is Role.TRIAGE for role, _ in home.model.calls)

        asked = triaged()
        found = await lab.compare(old, new, last=100)
        assert (found.looked_at, found.compared, found.unknown, found.calls) == (8, 0, 8, 0)
        assert triaged() == asked, "nobody may be asked without leave"
        found = await lab.compare(old, new, last=100, calls=5)
        assert (found.compared, found.unknown, found.calls, len(found.changes)) == (5, 3, 5, 5)
        assert found.origins == {"journal": 5, "model": 5}
        assert {(c.a.verdict, c.b.verdict) for c in found.changes} == {("yes", "no")}
        found = await lab.compare(old, new, last=100, calls=5)
        assert (found.compared, found.calls, found.origins) == (8, 3, {"journal": 8, "cache": 5, "model": 3})
        assert await lab.compare(old, new, last=3) == await lab.compare(old, new, last=3)
        same = await lab.compare(old, old)
        assert (same.compared, same.changes) == (8, [])
        await core.inference.clear_cache()
        full = desk.book.pick("classification")
        found = await lab.compare(full, full)
        assert (found.compared, found.origins) == (8, {"journal": 16})
        with pytest.raises(PromptError, match="prose"):
            await lab.compare(desk.book.pick("dossier"), desk.book.pick("dossier"))
