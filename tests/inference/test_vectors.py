"""Embedding: order, checks, halves."""

from __future__ import annotations

import numpy as np
import pytest
from inference_parts import question, vectors

from leadd.api import Failure, ModelFailure, Role


async def test_vectors_come_in_input_order_over_batches(rig):
    r = rig(numbers={"embed_batch": 4})
    texts = ["x" * n for n in range(1, 12)]
    found = await r.inference.embed(texts)
    assert found.dtype == np.float32
    assert np.allclose(found, vectors(texts))
    assert r.inference.stats().roles[Role.EMBED].calls == 3
    assert (await r.inference.embed([])).shape == (0, 0)


@pytest.mark.parametrize(
    "bad",
    [
        lambda texts: vectors(texts)[:-1],
        lambda texts: vectors(texts) * 2,
        lambda texts: np.full((len(texts), 3), np.nan, dtype=np.float32),
        lambda texts: np.zeros(3, dtype=np.float32),
        lambda texts: np.zeros((len(texts), 0), dtype=np.float32),
    ],
)
async def test_vectors_that_are_none_are_asked_for_once_more_and_then_named(rig, bad):
    r = rig(bad)
    assert (await r.inference.embed(["a", "b"])).shape == (2, 3)
    r = rig(*[bad] * 20)
    with pytest.raises(ModelFailure) as caught:
        await r.inference.embed(["a", "b"])
    assert caught.value.kind is Failure.BAD_VECTOR


async def test_the_one_text_that_spoils_a_batch_is_found(rig):
    def spoilt(texts):
        if "bad" in texts:
            raise ModelFailure(Failure.BAD_REQUEST, "the runner died")
        return vectors(texts)

    r = rig(*[spoilt] * 40)
    texts = ["a", "bb", "ccc", "bad", "eeeee"]
    with pytest.raises(ModelFailure, match="text 3"):
        await r.inference.embed(texts)
    r2 = rig(*[spoilt] * 40)
    assert (await r2.inference.embed(["a", "bb"])).shape == (2, 3)


async def test_an_outage_is_not_halved(rig):
    r = rig(ModelFailure(Failure.UNREACHABLE, "gone"))
    with pytest.raises(ModelFailure) as caught:
        await r.inference.embed(["a", "b", "c"])
    assert caught.value.kind is Failure.UNREACHABLE
    assert r.inference.stats().roles[Role.EMBED].calls == 1
    assert not r.inference.availability(Role.TRIAGE).ok


async def test_empty_texts_are_refused(rig):
    r = rig()
    with pytest.raises(ModelFailure) as caught:
        await r.inference.embed(["a", " "])
    assert caught.value.kind is Failure.EMPTY
    assert (await r.inference.ask(question())).data
