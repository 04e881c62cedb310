"""Reading an answer of one word: every way of writing a label counts, nothing else does, and the rest never fails."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from leadd.inference.answers import labels

CASES = 10_000
YES_NO = ("yes", "no")
BLANKS = ["", " ", "▁", "Ġ", "\n", '"', " **", "'", "- ", "{", "_"]
TAILS = ["", ".", ",", '"', "!", "**", "\n"]
OTHERS = ["The", "maybe", "yesterday", "nothing", "know", "novel", "yet", "eyes", "0", "<eos>", "ok", "I", "\ufffd", "notice"]


def place(said: str, shares: dict[str, float], **more: Any) -> dict[str, Any]:
    """One token of an answer with its alternatives."""
    top = [{"token": token, "logprob": math.log(share), "bytes": None} for token, share in shares.items()]
    return {"token": said, "logprob": math.log(shares.get(said, 1.0)), "bytes": None, "top_logprobs": top} | more


def written(rng: random.Random, word: str) -> str:
    """A label as some tokenizer and some model would write it."""
    spelled = rng.choice([word, *labels.SPELLINGS[word]])
    return rng.choice(BLANKS) + rng.choice([spelled, spelled.upper(), spelled.capitalize()]) + rng.choice(TAILS)


def test_all_spellings_are_counted_and_nothing_else() -> None:
    rng = random.Random(3)
    for _ in range(CASES):
        yes, no = ({written(rng, word) for _ in range(rng.randint(1, 5))} for word in YES_NO)
        tokens = [*yes, *no, *rng.sample(OTHERS, rng.randint(0, 6))]
        rng.shuffle(tokens)
        parts = [rng.uniform(0.001, 1.0) for _ in tokens]
        whole = sum(parts) * rng.uniform(1.0, 3.0)
        shares = {token: part / whole for token, part in zip(tokens, parts, strict=True)}
        entry = place(max(tokens, key=shares.__getitem__), shares)
        truth = sum(shares[t] for t in yes) / sum(shares[t] for t in (*yes, *no))
        p = labels.read([entry], YES_NO)
        assert p == pytest.approx(truth, abs=1e-9), entry
        assert labels.read([entry], ("no", "yes")) == pytest.approx(1 - truth, abs=1e-9)
        assert labels.answer([entry], YES_NO) == {"label": "yes" if p >= 0.5 else "no", "probability": p}


def odd(rng: random.Random) -> Any:
    return rng.choice([None, "", "x", True, False, -3, 7, 0.5, math.nan, math.inf, -math.inf, [], {}, [None]])


def token(rng: random.Random) -> dict[str, Any]:
    """A token of an answer, well formed or not."""
    said = rng.choice([*OTHERS, *BLANKS, "yes", "no", "Y", "n", "ye", "s", "1", "so", "h", "日", "\ud800"])
    built = {"token": said, "logprob": -rng.expovariate(0.3)}
    for key in built:
        if rng.random() < 0.1:
            built[key] = odd(rng)
    if rng.random() < 0.05:
        del built[rng.choice(list(built))]
    return built


def test_whatever_a_server_sends_is_a_share_or_none() -> None:
    rng = random.Random(5)
    for _ in range(CASES):
        found = [token(rng) for _ in range(rng.randint(0, 4))]
        for entry in found:
            if rng.random() < 0.9:
                alternatives = [token(rng) for _ in range(rng.randint(0, 6))]
                entry["top_logprobs"] = alternatives if rng.random() < 0.9 else odd(rng)
        for wanted in (YES_NO, ("1", "2", "3"), ("hot", "cold"), ("strong", "some")):
            p, answer = labels.read(found, wanted), labels.answer(found, wanted)
            assert (p is None) is (answer is None)
            if answer is not None:
                assert 0.0 <= answer["probability"] <= 1.0
                assert answer["label"] in wanted
                assert answer["probability"] == p


def test_tokens_that_hold_only_the_beginning_of_a_label_count_for_it() -> None:
    assert labels.read([place("Y", {"Y": 0.6, "No": 0.2, "The": 0.2})], YES_NO) == pytest.approx(0.75)
    assert labels.read([place("n", {"n": 0.3, "ye": 0.1})], YES_NO) == pytest.approx(0.25)


def test_what_begins_two_labels_is_read_on() -> None:
    wanted = ("strong", "some")
    first = place("s", {"s": 0.8, "strong": 0.1, "some": 0.1})
    assert labels.read([first], wanted) == pytest.approx(0.5)
    then = place("trong", {"trong": 0.75, "ome": 0.25})
    assert labels.read([first, then], wanted) == pytest.approx(0.1 + 0.8 * 0.75)
    assert labels.answer([place("1", {"1": 0.9, "2": 0.1}), place("0", {"0": 0.5, "\n": 0.5})], ("1", "10", "2")) is not None


def test_marks_before_the_label_are_passed_and_what_stood_beside_them_counts() -> None:
    first = place('"', {'"': 0.5, "Yes": 0.3, "no": 0.2})
    then = place("yes", {"yes": 0.9, "no": 0.1})
    assert labels.read([first, then], YES_NO) == pytest.approx(0.3 + 0.5 * 0.9)
    assert labels.read([place("\n", {"\n": 1.0}), place("**", {"**": 1.0}), then], YES_NO) == pytest.approx(0.9)
    assert labels.read([place("The", {"The": 1.0}), then], YES_NO) is None, "behind another word it is no answer"


def test_a_label_that_does_not_show_gets_no_more_than_it_can_have() -> None:
    assert labels.read([place("yes", {"yes": 0.9, "The": 0.06, "A": 0.02})], YES_NO) == pytest.approx(0.9 / 0.92)
    assert labels.read([place("no", {"no": 1.0})], YES_NO) == pytest.approx(0.0, abs=1e-6)
    assert labels.read([{"token": "yes", "logprob": math.log(0.7)}], YES_NO) == pytest.approx(0.7)


def test_without_any_label_there_is_no_share() -> None:
    assert labels.read([], YES_NO) is None
    assert labels.read([place("The", {"The": 0.7, "It": 0.3})], YES_NO) is None
    assert labels.read([place("The", {"The": 1 - 1e-7, "yes": 1e-7})], YES_NO) is None, "noise is no answer"


def test_the_token_that_was_chosen_is_counted_once() -> None:
    entry = place("yes", {"no": 0.25, "Yes": 0.25})  # a server whose alternatives leave the chosen one out
    assert labels.read([entry | {"logprob": math.log(0.5)}], YES_NO) == pytest.approx(0.75)
    assert labels.read([place("yes", {"yes": 0.5, "no": 0.5})], YES_NO) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("value", "label"),
    [("yes", "yes"), ("Ja", "yes"), ('"NO"', "no"), (True, "yes"), (False, "no"), ("perhaps", None), (None, None), (1, None),
     ("", None), ([], None)],
)  # fmt: skip
def test_a_written_word_is_a_label_or_none(value: Any, label: str | None) -> None:
    assert labels.label_of(value, YES_NO) == label
    expected = None if label is None else {"label": label}
    assert labels.of_value(value, YES_NO) == expected
    assert labels.of_value({"worth": value, "why": "x" * 50}, YES_NO) == expected


def test_an_object_that_names_two_labels_names_none() -> None:
    assert labels.of_value({"a": "yes", "b": "no"}, YES_NO) is None
    assert labels.of_value({"a": "yes", "b": "Yes"}, YES_NO) == {"label": "yes"}
    assert labels.of_value(2, ("1", "2")) == {"label": "2"}
    assert labels.schema_of(YES_NO) == {"type": "string", "enum": ["yes", "no"]}
