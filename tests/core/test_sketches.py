from __future__ import annotations

import random
import subprocess
import sys

import pytest

from leadd.core.reuse.sketches import BANDS, PERMUTATIONS, similarity, sketch


def shingles(words: list[str], size: int) -> set[tuple[str, ...]]:
    return {tuple(words[n : n + size]) for n in range(len(words) - size + 1)}


def changed(words: list[str], count: int, rng: random.Random) -> list[str]:
    new = list(words)
    for place in rng.sample(range(len(words)), count):
        new[place] = f"other{rng.randrange(10**6)}"
    return new


def must(block: str, text: str) -> tuple[bytes, tuple[int, ...]]:
    found = sketch(block, text)
    assert found is not None
    return found.signature, found.bands


def test_the_estimate_is_near_the_similarity_of_the_shingles() -> None:
    rng = random.Random(3)
    errors = []
    for count in (0, 2, 6, 12, 25, 60):
        for _ in range(20):
            words = [f"w{rng.randrange(5000)}" for _ in range(300)]
            other = changed(words, count, rng)
            one, two = shingles(words, 5), shingles(other, 5)
            true = len(one & two) / len(one | two)
            errors.append(similarity(must("", " ".join(words))[0], must("", " ".join(other))[0]) - true)
    assert max(map(abs, errors)) < 0.27
    assert abs(sum(errors) / len(errors)) < 0.02


def test_near_duplicates_share_a_band_and_strangers_do_not() -> None:
    rng = random.Random(4)
    found = strangers = 0
    for _ in range(200):
        words = [f"w{rng.randrange(5000)}" for _ in range(200)]
        bands = set(must("t", " ".join(words))[1])
        found += bool(bands & set(must("t", " ".join(changed(words, 4, rng)))[1]))
        strangers += bool(bands & set(must("t", " ".join(f"w{rng.randrange(5000)}" for _ in range(200)))[1]))
    assert (found >= 198, strangers) == (True, 0)


def test_case_accents_and_punctuation_do_not_count_and_blocks_part() -> None:
    text = "We look for somebody who likes the café and the sea, and who writes."
    assert sketch("t", text) == sketch("t", text.upper().replace("É", "E").replace(",", " -"))
    one, other = must("t", text), must("u", text)
    assert one[0] == other[0]
    assert not set(one[1]) & set(other[1])


def test_shape_and_odd_texts() -> None:
    signature, bands = must("t", "one")
    assert (len(signature), len(bands)) == (4 * PERMUTATIONS, BANDS)
    assert all(0 <= band < 2**63 for band in bands)
    assert sketch("", " \n … ") is None
    assert sketch("title", "…") == sketch("title", "")
    assert sketch("t", "lone \ud800 surrogate") is not None
    assert similarity(signature, b"") == 0.0
    assert similarity(signature, signature) == 1.0


def test_a_script_without_spaces_has_near_duplicates_too() -> None:
    text = "私たちは小さな会社で最初のマーケティング担当者を探しています。経験は問いません。一緒に働きましょう。"
    near = must("", text)[0], must("", text.replace("小さな", "大きな"))[0]
    assert 0.5 < similarity(*near) < 1


@pytest.mark.parametrize("seed", ["0", "77"])
def test_every_process_makes_the_same_sketch(seed: str) -> None:
    code = "from leadd.core.reuse.sketches import sketch\ns = sketch('t', 'a text of some words')"
    code += "\nprint(s.bands[0], s.signature[:8].hex())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
    )
    signature, bands = must("t", "a text of some words")
    assert done.stdout.split() == [str(bands[0]), signature[:8].hex()]
