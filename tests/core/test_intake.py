"""Taking signals in: what is cleaned, refused and told apart, and that 'accepted' means stored."""

from __future__ import annotations

import pytest
from core_parts import Home

from leadd.api import Checkpoint, Problem, Reject, SignalDraft
from leadd.core.intake import MAX_CHARS, prepare


def test_text_is_cleaned_and_named_by_its_content() -> None:
    row = prepare("ads", SignalDraft(text="Hello\u200b \u202eworld\x00\r\n\r\n\r\n\r\nagain", title=" A \n title "))
    assert row.text == "Hello world\n\nagain"
    assert row.title == "A title"
    same = prepare("other", SignalDraft(text="Hello world\n\nagain", title="A title"))
    assert row.content_hash == same.content_hash
    assert row.dedupe_key != same.dedupe_key or row.source != same.source


@pytest.mark.parametrize(
    ("text", "words"), [("", "no text"), (" \u200b\n\t", "no text"), ("x" * (MAX_CHARS + 1), "the longest that is read")]
)
def test_what_cannot_be_read_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(Reject, match=words):
        prepare("ads", SignalDraft(text=text))


def test_contacts_are_found_with_the_numbers_of_the_place() -> None:
    body = "Write to jobs@acme.example or call 0561 5550119 for the marketing job."
    here = {(c.kind, c.value) for c in prepare("ads", SignalDraft(text=body, location="Kassel, Germany")).contacts}
    nowhere = {(c.kind, c.value) for c in prepare("ads", SignalDraft(text=body)).contacts}
    assert ("email", "jobs@acme.example") in here & nowhere
    assert any(kind == "phone" and value.startswith("+49") for kind, value in here)
    assert not any(kind == "phone" for kind, _ in nowhere), "without a country a number is not guessed"


async def test_accepted_means_stored_and_places_are_kept(home: Home) -> None:
    async with home.core() as core:
        drafts = [SignalDraft(text="One text here.", external_id="1"), SignalDraft(text=""), SignalDraft(text="Three.")]
        found = await core.ingest(drafts, problems=[Problem("row 9", "broken")])
        assert found.new == 2
        assert [i is None for i in found.ids] == [False, True, False]
        assert {p.reason for p in found.problems} == {"broken", "there is no text in it"}
        stored = {row.id for row in (await core.store.signals.list()).items}
        assert {i for i in found.ids if i is not None} == stored
        again = await core.ingest(drafts[:1])
        assert (again.new, again.repeats, again.ids) == (0, 1, found.ids[:1])


async def test_the_position_moves_with_what_was_stored(home: Home) -> None:
    async with home.core() as core:
        await core.intake.accept("feed", [SignalDraft(text="One.", external_id="1", cursor="7")], cursor="7")
        assert await core.store.signals.cursor("feed") == "7"
        home.source.items = [Checkpoint("42")]
        pulled = await core.intake.pull("feed", home.source)
        assert pulled.cursor is not None


async def test_nonsense_between_good_items_is_a_problem_with_a_name(home: Home) -> None:
    home.source.items = [SignalDraft(text="Good one."), "not a draft", SignalDraft(text="Good two.")]  # type: ignore[list-item]
    async with home.core() as core:
        pulled = await core.intake.pull("feed", home.source)
        problems = await core.store.signals.problems("feed")
    assert (pulled.accepted, pulled.cursor) == (2, "3")
    assert "gave str where a SignalDraft" in problems[0].reason
