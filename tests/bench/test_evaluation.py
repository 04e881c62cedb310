"""`leadd eval`: files that are read and files that are refused, figures, and the picture."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from leadd.bench.crossing import crossed, folds_by_company
from leadd.bench.evaluation import evaluate
from leadd.bench.labelled_file import FileInvalid, LabelledSignal, read_labelled
from leadd.bench.picture import svg
from leadd.learn.words.expansion import expand

ROLES = {
    "Marketing Manager": "You run campaigns, SEO and the newsletter",
    "Backend Engineer": "You write services in Python and review code",
    "Account Executive": "You close deals and carry a quota",
    "Store Clerk": "You sell flowers and keep our shop tidy",
}


def made(count: int = 160) -> list[LabelledSignal]:
    """Signals of 40 companies; one in four is wanted, and some of them are filed oddly."""
    draw = random.Random(7)
    found = []
    for number in range(count):
        title = list(ROLES)[number % 4]
        wanted = title == "Marketing Manager" or (title == "Store Clerk" and draw.random() < 0.1)
        often, what = draw.choice(("daily", "weekly")), draw.choice(("tea", "dogs", "music"))
        text = f"{ROLES[title]}, {often}, with {what} and {number} others."
        found.append(LabelledSignal(title, text, f"Firm {draw.randrange(40)}", wanted))
    return found


def test_figures_of_both_ways_and_their_intervals() -> None:
    found = evaluate(made(), expand("companies hiring a marketer"))
    assert [way.name for way in found.ways] == ["no labels", "learnt from other companies"]
    assert (found.signals, found.wanted) == (160, sum(s.wanted for s in made()))
    for way in found.ways:
        assert way.figures["AUC"].value > 0.9
        assert way.figures["recall"].value >= 0.95
        assert all(f.low <= f.value + 1e-9 and f.value <= f.high + 1e-9 for f in way.figures.values())
    assert json.loads(json.dumps(found.as_dict()))["ways"]["no labels"]["AUC"]["value"] > 0.9


def test_thresholds_fixed_beforehand_and_what_probabilities_mean() -> None:
    found = evaluate(made(400), expand("companies hiring a marketer"))
    for way in found.ways:
        figures = {name: figure.value for name, figure in way.figures.items()}
        plain, careful = "fixed beforehand", "fixed beforehand, with a margin"
        assert figures[f"recall, {careful}"] >= figures[f"recall, {plain}"] > 0.9
        assert figures[f"passed, {careful}"] >= figures[f"passed, {plain}"]
        assert way.meaning is not None
        assert way.meaning.error < 0.1
        assert sum(bucket.weight for bucket in way.meaning.buckets) == pytest.approx(400)
        shares = {bucket.name: bucket.wanted for bucket in way.meaning.buckets}
        assert shares["red_hot"] > 0.8 > 0.2 > shares["parked"]
    told = json.loads(json.dumps(found.as_dict()))["calibration"]["no labels"]
    assert {"error", "bins", "buckets"} == set(told)


def test_nothing_of_a_fold_is_used_for_its_threshold_or_its_scores() -> None:
    companies = [f"c{n % 20}" for n in range(100)]
    folds = folds_by_company(companies, 5, seed=3)
    assert sorted(np.concatenate(folds).tolist()) == list(range(100))
    for one in range(5):
        for two in range(one):
            assert not {companies[p] for p in folds[one]} & {companies[p] for p in folds[two]}

    def learn(known: np.ndarray, asked: np.ndarray) -> np.ndarray:
        assert not set(known) & set(asked)
        return np.full(len(asked), float(sum(2.0**fold for fold in range(5) if np.isin(folds[fold], known).all())))

    scores = crossed(folds, learn)
    for fold, rows in enumerate(folds):
        assert (scores.outer[rows] == 31 - 2**fold).all(), "learnt from all other folds"
        for other, places in enumerate(folds):
            if other != fold:
                assert (scores.inner[fold][places] == 31 - 2**fold - 2**other).all(), "and set without both"


def test_with_few_wanted_ones_nothing_is_learnt_and_with_one_kind_nothing_measured() -> None:
    few = [s for s in made() if not s.wanted] + [s for s in made() if s.wanted][:5]
    assert [way.name for way in evaluate(few, expand("companies hiring a marketer")).ways] == ["no labels"]
    with pytest.raises(ValueError, match="0 of 3 signals are wanted"):
        evaluate([s for s in made() if not s.wanted][:3], expand("a marketer"))


def test_the_picture_is_whole_and_escapes_what_it_is_given() -> None:
    found = evaluate(made(), expand("companies hiring a marketer"))
    root = ElementTree.fromstring(svg(found.ways, "<b> & more"))
    texts = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"<b> & more", "no labels", "learnt from other companies"} <= set(texts)
    lines = list(root.iter("{http://www.w3.org/2000/svg}polyline"))
    assert len(lines) == 4, "two ways in each of two panels"
    ends = lines[0].attrib["points"].split(" ")
    assert (ends[0], ends[-1]) == ("60.0,400.0", "580.0,60.0")


def test_jsonl_csv_and_gzip_give_the_same_signals(tmp_path: Path) -> None:
    rows = [
        {"title": "A", "text": "one, two", "company": "X", "hot": True, "dup_group": "g"},
        {"title": "B", "text": 'say "x"\nand y', "company": "Y", "hot": False},
        {"title": "C", "text": "z", "company": "Z", "hot": None},
    ]
    plain = tmp_path / "a.jsonl"
    plain.write_text("\n".join(json.dumps(r) for r in rows) + "\n\n", encoding="utf-8")
    nested = tmp_path / "n.jsonl.gz"
    nested.write_bytes(
        gzip.compress(
            "\n".join(json.dumps({**r, "labels": {"hot": r["hot"]}, "hot": 0} | {"hot": r["hot"]}) for r in rows).encode()
        )
    )
    table = tmp_path / "t.csv"
    table.write_text(
        'title,text,company,hot,dup_group\nA,"one, two",X,Yes,g\nB,"say ""x""\nand y",Y,0,\nC,z,Z,,\n', encoding="utf-8-sig"
    )
    first = read_labelled(plain, "hot")
    assert first.unknown == 1
    assert [(s.title, s.wanted, s.group) for s in first.signals] == [("A", True, "g"), ("B", False, None)]
    assert read_labelled(nested, "hot") == first
    assert read_labelled(table, "hot") == first


def test_the_label_may_stand_in_the_labels(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(
        json.dumps({"text": "x", "labels": {"hot": True}}) + "\n" + json.dumps({"text": "y", "labels": {}}), encoding="utf-8"
    )
    found = read_labelled(file, "hot")
    assert [s.company for s in found.signals] == ["row 1"]
    assert found.unknown == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b'{"text": "x", "hot": true}\n{"text": ', r"a.jsonl:2: no JSON"),
        ("a.jsonl", b"[1]", r"a.jsonl:1: a JSON object"),
        ("a.jsonl", b'{"text": "x", "hot": "perhaps"}', r"a.jsonl:1: hot: 'perhaps'"),
        ("a.jsonl", b'{"text": 3, "hot": true}', r"a.jsonl:1: text: a text is needed, not int"),
        ("a.jsonl", b'{"text": " ", "hot": true}', r"a.jsonl:1: title and text are both empty"),
        ("a.jsonl", b'{"text": "x"}', r"a.jsonl: no row has the label 'hot'"),
        ("a.jsonl", b"", r"a.jsonl holds no rows"),
        ("a.jsonl", b"\xff\xfe", r"a.jsonl: byte 0 is not UTF-8"),
        ("a.jsonl.gz", b"no gzip", r"a.jsonl.gz is no whole gzip file"),
        ("a.csv", b"text,hot\nx,true,more\n", r"a.csv:2: more fields"),
        ("a.csv", b'text,hot\n"x,true\n', r"a.csv:2"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_field(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(FileInvalid, match=said):
        read_labelled(file, "hot")
