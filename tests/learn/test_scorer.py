"""The scorer: what verdicts teach it, what a model's labels may not, and that it can be kept, named and explained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_up import Ad, ad, ads

from leadd.learn.figures.measures import area, average_precision, labelled
from leadd.learn.scoring.features import Batch, Reader
from leadd.learn.scoring.hashing import FIELDS_FROM, TEXT_FROM, WIDTH, Hasher, Rows, stacked
from leadd.learn.scoring.logistic import Problem, solve
from leadd.learn.scoring.scorer import Scorer, ScorerInvalid, Verdicts, fit, trusted, untaught
from leadd.learn.words.expansion import expand
from leadd.learn.words.tokens import read_text, read_title
from leadd.learn.words.zero import ZeroLabel

SENTENCE = "I sell to companies hiring a marketer"


def read(made: list[Ad], fields: list[list[str]] | None = None) -> tuple[Reader, Batch]:
    reader = Reader(ZeroLabel(expand(SENTENCE)))
    seen = [reader.see(one.title, one.text, fields[i] if fields else ()) for i, one in enumerate(made)]
    for one in seen:
        reader.zero.note(one.signs)
    return reader, reader.batch(seen)


def test_without_verdicts_it_ranks_as_the_zero_label_fit() -> None:
    _, batch = read(ads(60))
    scorer = untaught(batch.strengths.shape[1])
    assert np.argsort(scorer.score(batch)).tolist() == np.argsort(batch.odds.astype(float)).tolist()
    empty = fit(batch.take(np.zeros(0, dtype=np.int64)), Verdicts.of([]))
    assert empty.score(batch).tolist() == scorer.score(batch).tolist()


def test_verdicts_teach_what_the_sentence_did_not_say() -> None:
    """The user wants marketers of firms that make coffee: no word of that is in the ICP."""
    made = [ad(n, "marketing") for n in range(500)]
    wanted = np.array(["coffee" in one.text for one in made])
    _, batch = read(made)
    first, rest = np.arange(200), np.arange(200, 500)
    before = average_precision(labelled(untaught(batch.strengths.shape[1]).score(batch.take(rest)), wanted[rest]))
    after = average_precision(
        labelled(fit(batch.take(first), Verdicts.of(wanted[first])).score(batch.take(rest)), wanted[rest])
    )
    assert before < 0.55
    assert after > 0.95


def test_few_verdicts_do_not_spoil_the_fit() -> None:
    made = ads(300)
    wanted = np.array([one.function == "marketing" for one in made])
    _, batch = read(made)
    for some in ([0], [0, 1], [2, 3, 4], list(range(12))):
        scorer = fit(batch.take(np.array(some)), Verdicts.of(wanted[some]))
        assert area(labelled(scorer.score(batch), wanted)) > 0.95, some


def test_fields_are_learnt_from_and_unknown_ones_left_out() -> None:
    made = [ad(n, "marketing") for n in range(300)]
    rng = np.random.default_rng(1)
    small = rng.random(300) < 0.4
    fields = [[f"size={'1-10' if s else '51-200'}"] if n % 5 else [] for n, s in enumerate(small)]
    reader, batch = read(made, fields)
    scorer = fit(batch, Verdicts.of(small))
    names = reader.names(made[1].title, made[1].text, fields[1])
    reasons = scorer.explain(batch, 1, names, groups=reader.zero.groups, most=4)
    points = next(r.points for r in reasons if r.words == fields[1][0])
    assert (points > 0) == bool(small[1])


def test_reasons_name_words_and_add_up() -> None:
    made = ads(240)
    wanted = [one.function == "marketing" for one in made]
    reader, batch = read(made)
    scorer = fit(batch, Verdicts.of(wanted))
    at = wanted.index(True)
    reasons = scorer.explain(batch, at, reader.names(made[at].title, made[at].text), groups=reader.zero.groups, most=10_000)
    total = sum(r.points for r in reasons) + float(scorer.dense[0])
    assert total == pytest.approx(float(scorer.score(batch)[at]), abs=0.2)
    assert any(r.words.startswith(("title: ", "text: ")) and r.points > 0 for r in reasons[:20])
    assert any(r.words == "fit without verdicts" for r in reasons)


def test_equal_verdicts_give_an_equal_version_and_bytes_bring_it_back() -> None:
    made = ads(120)
    _, batch = read(made)
    verdicts = Verdicts.of([one.function == "marketing" for one in made])
    scorer, again = fit(batch, verdicts), fit(batch, verdicts)
    assert scorer.version == again.version
    kept = Scorer.from_bytes(scorer.to_bytes())
    assert kept.version == scorer.version
    assert kept.score(batch).tolist() == scorer.score(batch).tolist()
    assert (kept.verdicts, kept.dropped) == (120, 0)
    other = fit(batch, replace(verdicts, wanted=~verdicts.wanted))
    assert other.version != scorer.version


@pytest.mark.parametrize("data", [b"", b"nonsense", b"PK\x03\x04 cut short"])
def test_broken_bytes_are_said_to_be_so(data: bytes) -> None:
    with pytest.raises(ScorerInvalid, match="no scorer"):
        Scorer.from_bytes(data)


def test_a_batch_of_another_shape_is_refused_with_the_way_out() -> None:
    _, batch = read(ads(12))
    scorer = untaught(batch.strengths.shape[1])
    with pytest.raises(ValueError, match="let it learn again"):
        scorer.score(replace(batch, strengths=batch.strengths[:, :4]))
    with pytest.raises(ValueError, match="vectors of 3"):
        scorer.score(replace(batch, vectors=np.zeros((12, 3), dtype=np.float32)))
    with pytest.raises(ValueError, match="12 signals and 1 verdicts"):
        fit(batch, Verdicts.of([True]))
    with pytest.raises(ValueError, match="as many weights"):
        Verdicts.of([True, False], weights=[1.0])


def test_a_models_label_gives_way_to_the_users_verdict_on_the_same_thing() -> None:
    _, batch = read(ads(4))
    verdicts = Verdicts.of([True, False, True, False], weak=[False, True, True, True], groups=["a", "a", "a", None])
    assert trusted(batch, verdicts).tolist() == [0, 2, 3]
    assert fit(batch, verdicts).dropped == 1


def test_a_models_label_is_dropped_where_the_scorer_is_sure_of_the_opposite() -> None:
    made = ads(360)
    wanted = np.array([one.function == "marketing" for one in made])
    _, batch = read(made)
    weak = np.arange(360) >= 240
    said = wanted.copy()
    wrong = np.flatnonzero(weak & wanted)[:10]
    said[wrong] = False
    kept = trusted(batch, Verdicts.of(said, weak=weak))
    assert not set(wrong.tolist()) & set(kept.tolist())
    assert len(kept) == 350


def test_near_duplicates_count_as_one() -> None:
    made = ads(60)
    wanted = np.array([one.function == "marketing" for one in made])
    _, batch = read(made)
    once = fit(batch, Verdicts.of(wanted))
    places = np.concatenate([np.arange(60), np.zeros(9, dtype=np.int64)])
    weights = np.ones(69)
    weights[places == 0] = 0.1
    often = fit(batch.take(places), Verdicts.of(wanted[places], weights=weights))
    heavy = fit(batch.take(places), Verdicts.of(wanted[places]))
    by_weight = np.abs(often.score(batch) - once.score(batch)).max()
    assert by_weight < np.abs(heavy.score(batch) - once.score(batch)).max()


def test_rows_are_sparse_have_length_one_and_keep_title_and_text_apart() -> None:
    hasher = Hasher()
    row = hasher.row(read_title("Marketing Manager"), read_text("marketing manager of marketing"), ["size=1-10"])
    assert len(set(row.columns.tolist())) == len(row.columns)
    assert (np.diff(row.columns) > 0).all()
    assert row.columns.max() < WIDTH
    in_title, in_text = row.columns < TEXT_FROM, (row.columns >= TEXT_FROM) & (row.columns < FIELDS_FROM)
    assert np.linalg.norm(row.values[in_title]) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(row.values[in_text]) == pytest.approx(1, abs=1e-5)
    names = hasher.names(read_title("Marketing Manager"), read_text("marketing manager of marketing"), ["size=1-10"])
    assert {names[c] for c in row.columns.tolist()} >= {"title: marketing manager", "text: of marketing", "size=1-10"}
    assert (
        Hasher().row(read_title("Marketing Manager"), read_text("a b")).columns.tolist()
        == hasher.row(read_title("Marketing Manager"), read_text("a b")).columns.tolist()
    )
    empty = hasher.row(read_title(""), read_text(""))
    assert stacked([empty, row, empty]).times(np.ones(WIDTH, dtype=np.float32)).tolist() == pytest.approx(
        [0, float(row.values.sum()), 0], abs=1e-4
    )


def test_the_solver_finds_the_least_loss() -> None:
    """The slope at the solution is 0, worked out by itself from the definition."""
    rng = np.random.default_rng(5)
    n, columns = 80, 30
    table = rng.normal(size=(n, columns)) * (rng.random((n, columns)) < 0.3)
    where = [np.flatnonzero(row) for row in table]
    starts = np.concatenate([[0], np.cumsum([len(w) for w in where])]).astype(np.int64)
    rows = Rows(
        starts,
        np.concatenate(where).astype(np.int32),
        np.concatenate([table[i, w] for i, w in enumerate(where)]).astype(np.float32),
    )
    dense, wanted = rng.normal(size=(n, 3)), rng.random(n) < 0.4
    counts, offset = rng.uniform(0.5, 2, n), rng.normal(size=n)
    found = solve(Problem(rows, columns, dense, wanted, counts, offset), steps=500, tolerance=1e-6)
    whole = np.concatenate([table, dense], axis=1)
    chance = 1 / (1 + np.exp(-(whole @ found + offset)))
    slope = whole.T @ (counts * (chance - wanted)) + found
    assert np.abs(slope).max() < 1e-3
