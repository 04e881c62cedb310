"""The builtin model that reads the evidence in the text."""

from __future__ import annotations

import importlib.util
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import validate
from pydantic import ValidationError

from leadd.api import (
    Classification,
    Context,
    Failure,
    Icp,
    Method,
    ModelFailure,
    ModelRequest,
    Role,
    Signal,
    Subject,
    SystemClock,
    TriageAnswer,
)
from leadd.api.places import read_location
from leadd.builtin.evidence import EvidenceConfig, EvidenceModel, shape_to
from leadd.builtin.evidence_reading import IcpReader, region_of
from leadd.builtin.evidence_vectors import Vectors, VectorsMissing, read_matrix

ICP = Icp.model_validate(
    {
        "name": "first_marketer",
        "description": "Small companies that look for their first marketing person",
        "sizes": {"values": ["1-20"]},
        "locations": {"values": ["Germany"]},
        "hiring_keywords": {"values": ["marketing manager", "marketer", "marketing", "seo"]},
        "pain_keywords": {"values": ["no leads", "no time for marketing", "first marketing hire", "our agency"]},
    }
)
LEAD = (
    "Acme is a team of 8 people. We are looking for our first marketing hire. "
    "The founder has no time for marketing, and honestly: no leads!"
)
HAS_VECTORS = importlib.util.find_spec("wordllama") is not None and importlib.util.find_spec("tokenizers") is not None


def signal(text: str = LEAD, title: str = "Marketing Manager (m/w/d)", **fields: Any) -> Signal:
    return Signal(**({"id": 1, "source": "s", "text": text, "title": title, "content_hash": "h", "found_at_ms": 0} | fields))


@pytest.fixture
def evidence(tmp_path: Path) -> EvidenceModel:
    return model(tmp_path, "off")


def model(folder: Path, vectors: str) -> EvidenceModel:
    ctx = Context("evidence", folder, None, SystemClock(), logging.getLogger("test"), None)  # type: ignore[arg-type]
    return EvidenceModel(EvidenceConfig(vectors=vectors), ctx)  # type: ignore[arg-type]


def request(role: Role, s: Signal | None = None, schema: dict[str, Any] | None = None, icp: Icp = ICP) -> ModelRequest:
    return ModelRequest(role, "evidence", (), 100, 2048, schema=schema, subject=Subject(icp, s or signal()))


def read(s: Signal, icp: Icp = ICP) -> dict[str, Any]:
    return IcpReader(icp).read(s, None).classification()


async def test_a_lead_is_triaged_and_classified(evidence: EvidenceModel) -> None:
    triage = await evidence.complete(request(Role.TRIAGE))
    assert TriageAnswer.model_validate_json(triage.text).worth is True
    reply = await evidence.complete(request(Role.CLASSIFY, signal(location="Berlin")))
    assert (reply.method, reply.model, reply.done_reason) == (Method.EVIDENCE, "evidence", "stop")
    answer = Classification.model_validate_json(reply.text)
    assert answer.icp_match
    assert (answer.size_bucket, answer.region, answer.role_type) == ("6-10", "europe", "first_marketer")
    assert "no_leads" in answer.pain_tags
    assert answer.score_fit >= 30
    assert answer.score_pain > 0
    assert "“Marketing Manager”" in answer.reason_short
    assert "without a language model" in answer.reason_short


async def test_what_is_no_lead_is_said_so(evidence: EvidenceModel) -> None:
    other = signal("We need someone who keeps our servers alive.", "Backend Engineer")
    assert json.loads((await evidence.complete(request(Role.TRIAGE, other))).text)["worth"] is False
    answer = json.loads((await evidence.complete(request(Role.CLASSIFY, other))).text)
    assert (answer["icp_match"], answer["score_pain"], answer["silver_bullet_phrases"]) == (False, 0, [])
    assert "nothing in it speaks of the ICP" in answer["reason_short"]


def test_fields_that_need_a_model_stay_empty() -> None:
    answer = read(signal())
    for name in ("situation", "problem", "implication", "need_payoff", "economic_buyer_guess", "key_pain"):
        assert answer[name] is None
    assert answer["chaos_flags"] == []
    assert IcpReader(ICP).read(signal(), None).triage()["probability"] is None


def test_quotes_stand_literally_in_the_text() -> None:
    quotes = read(signal())["silver_bullet_phrases"]
    assert "The founder has no time for marketing, and honestly: no leads!" in quotes
    assert "Marketing Manager (m/w/d)" in quotes
    assert all(quote in f"{signal().title}\n{signal().text}" for quote in quotes)


@settings(deadline=None, max_examples=60)
@given(st.text(st.one_of(st.characters(), st.sampled_from("no leads. ")), max_size=200), st.text(max_size=40))
def test_any_text_is_read_and_quoted_literally(text: str, title: str) -> None:
    answer = read(signal(text, title))
    assert Classification.model_validate(answer)
    assert all(quote in f"{title}\n{text}" for quote in answer["silver_bullet_phrases"])


def test_a_denied_need_is_no_evidence() -> None:
    asks, denies = signal("We hire a marketing manager.", "News"), signal("We are not hiring a marketing manager.", "News")
    reader = IcpReader(ICP)
    assert reader.read(asks, None).strength > 2 * reader.read(denies, None).strength


def test_size_and_place_that_clearly_do_not_fit_undo_the_match() -> None:
    fits = read(signal(location="Berlin"))
    big = read(
        signal("We are 900 employees. We look for a marketing manager for SEO. " + LEAD.split(". ", 1)[1], location="Berlin")
    )
    far = read(signal(location="Austin, TX"))
    assert fits["icp_match"]
    assert not big["icp_match"]
    assert not far["icp_match"]
    assert big["score_fit"] < fits["score_fit"] > far["score_fit"]
    assert "size does not fit: “900 employees”" in big["reason_short"]
    assert (big["size_bucket"], far["region"]) == ("unknown", "north_america")


def test_unknown_size_and_place_are_unknown() -> None:
    answer = read(signal("We look for a marketer, we have no leads.", "Marketer"))
    assert (answer["size_bucket"], answer["region"]) == ("unknown", "unknown")
    assert answer["icp_match"]


def test_regions_are_the_icps_own() -> None:
    regions = ("dach", "rest_of_world", "europe", "other", "unknown")
    assert region_of(read_location("Berlin"), regions) == "dach"
    assert region_of(read_location("Paris"), regions) == "europe"
    assert region_of(read_location("Tokyo"), regions) == "other"
    assert region_of(read_location("Tokyo"), ("dach",)) == "unknown"
    assert region_of(read_location("Remote"), regions) == "unknown"


SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "icp_match",
        "size_bucket",
        "region",
        "pain_tags",
        "score_fit",
        "situation",
        "problem",
        "quotes_kept",
        "role_type",
    ],
    "properties": {
        "icp_match": {"type": "boolean"},
        "size_bucket": {"enum": ["1", "2-5", "unknown"]},
        "region": {"type": "string", "maxLength": 5},
        "role_type": {"type": "string", "enum": ["unclear", "agency"]},
        "pain_tags": {"type": "array", "items": {"enum": ["no_leads"]}, "maxItems": 1},
        "score_fit": {"type": "integer", "minimum": 0, "maximum": 20},
        "situation": {"type": ["string", "null"]},
        "problem": {"type": "string"},
        "quotes_kept": {"type": "array", "items": {"type": "string"}},
        "silver_bullet_phrases": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 2},
    },
}


async def test_the_answer_fits_the_schema(evidence: EvidenceModel) -> None:
    answer = json.loads((await evidence.complete(request(Role.CLASSIFY, signal(location="Berlin"), SCHEMA))).text)
    validate(answer, SCHEMA)
    assert (answer["size_bucket"], answer["region"], answer["situation"], answer["problem"]) == ("unknown", "europ", None, "")
    assert answer["score_fit"] == 20
    assert all(quote in f"{signal().title}\n{LEAD}" for quote in answer["silver_bullet_phrases"])


def test_yes_and_no_where_the_schema_wants_words() -> None:
    yes_no = {"properties": {"worth": {"type": "string", "enum": ["yes", "no"]}}}
    assert shape_to(yes_no, {"worth": True, "reason": "x"}) == {"worth": "yes"}
    assert shape_to(yes_no, {"worth": False}) == {"worth": "no"}
    assert shape_to({"properties": {"worth": {"type": "boolean"}}}, {"worth": False}) == {"worth": False}
    assert shape_to(None, {"worth": True}) == {"worth": True}
    nullable = {"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}, "b": {"enum": ["x", None]}}}
    assert shape_to(nullable, {}) == {"a": None, "b": None}


@pytest.mark.parametrize("role", [Role.DOSSIER, Role.EMBED])
async def test_other_roles_need_a_language_model(evidence: EvidenceModel, role: Role) -> None:
    assert role not in evidence.capabilities.roles
    with pytest.raises(ModelFailure) as failure:
        await evidence.complete(request(role))
    assert failure.value.kind is Failure.MISSING_CAPABILITY


async def test_without_a_subject_there_is_nothing_to_read(evidence: EvidenceModel) -> None:
    with pytest.raises(ModelFailure) as failure:
        await evidence.complete(ModelRequest(Role.TRIAGE, "evidence", (), 10, 2048))
    assert failure.value.kind is Failure.BAD_REQUEST


async def test_it_says_that_it_is_no_language_model(evidence: EvidenceModel) -> None:
    health = await evidence.health()
    assert health.reachable
    assert "no language model" in health.reason
    assert not evidence.capabilities.is_language_model
    assert health.models == {"evidence": await evidence.digest("evidence")}
    assert await evidence.check() is None


async def test_many_icps_are_not_kept_for_ever(evidence: EvidenceModel) -> None:
    for number in range(40):
        icp = Icp(name=f"icp{number}", description=f"People number {number} who need a marketer")
        await evidence.complete(request(Role.TRIAGE, icp=icp))
    assert len(evidence._readers) <= 32


@pytest.mark.parametrize("hostile", ["no leads. " * 20_000, "x" * 300_000, "1-" * 50_000, "based in " * 20_000, "“" * 100_000])
def test_hostile_texts_end(hostile: str) -> None:
    assert len(read(signal(hostile))["silver_bullet_phrases"]) <= 5


def test_settings_are_checked() -> None:
    assert EvidenceConfig().vectors == "auto"
    with pytest.raises(ValidationError):
        EvidenceConfig.model_validate({"vectors": "maybe"})


@pytest.mark.skipif(not HAS_VECTORS, reason="the extra leadd[embedded] is not installed")
async def test_vectors_join_the_score_and_change_the_digest(tmp_path: Path) -> None:
    plain, richer = model(tmp_path, "off"), model(tmp_path, "auto")
    assert await plain.digest("evidence") != await richer.digest("evidence")
    assert "with word vectors" in (await richer.health()).reason
    reply = await richer.complete(request(Role.CLASSIFY))
    assert reply.digest == await richer.digest("evidence")
    assert json.loads(reply.text)["icp_match"]


@pytest.mark.skipif(not HAS_VECTORS, reason="the extra leadd[embedded] is not installed")
def test_vectors_are_of_unit_length_and_mean_something() -> None:
    vectors = Vectors.load()
    marketing, growth, kitchen, nothing = vectors.embed(["marketing manager", "head of growth marketing", "a kitchen sink", ""])
    assert np.allclose([np.linalg.norm(v) for v in (marketing, growth, kitchen)], 1, atol=1e-5)
    assert marketing @ growth > marketing @ kitchen
    assert not nothing.any()
    assert marketing.dtype == np.float32


@pytest.mark.skipif(HAS_VECTORS, reason="the extra leadd[embedded] is installed")
def test_missing_vectors_are_named() -> None:
    with pytest.raises(VectorsMissing, match="embedded"):
        Vectors.load()


def test_a_matrix_file_is_read_or_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.safetensors"
    header = json.dumps({"w": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}}).encode()
    numbers = np.arange(6, dtype="<f2").tobytes()
    file.write_bytes(len(header).to_bytes(8, "little") + header + numbers)
    assert read_matrix(file).tolist() == [[0, 1, 2], [3, 4, 5]]
    for broken in (b"", b"\xff" * 40, len(header).to_bytes(8, "little") + header + numbers[:-2]):
        file.write_bytes(broken)
        with pytest.raises(ValueError):
            read_matrix(file)
