"""What single keys cannot tell: contradictions are refused where someone chose, choices for nothing are told."""

from __future__ import annotations

import pytest

from leadd.config.checks import find_conflicts, is_public
from leadd.config.problems import SettingsError, SettingsProblem
from leadd.config.settings import Settings


def only(load_text, text: str, environ: dict[str, str] | None = None) -> SettingsProblem:
    with pytest.raises(SettingsError) as caught:
        load_text(text, environ or {})
    (problem,) = caught.value.problems
    return problem


def test_the_defaults_contradict_nothing() -> None:
    assert find_conflicts(Settings()) == []


def test_a_lease_must_outlast_the_longest_question(load_text, tmp_path) -> None:
    problem = only(load_text, "pipeline:\n  lease_s: 900\n")
    assert problem.key == "pipeline.lease_s"
    assert problem.place == f"{tmp_path}/leadd.yaml:2:12"
    assert "which is 900" in problem.message
    assert load_text("pipeline: {lease_s: 901}").settings.pipeline.lease_s == 901


def test_the_place_is_where_someone_chose(load_text, tmp_path) -> None:
    """The lease has its default here: the line to mend is the one that made loading longer."""
    problem = only(load_text, "inference:\n  load_s: 3000\n")
    assert problem.key == "pipeline.lease_s"
    assert problem.place == f"{tmp_path}/leadd.yaml:2:11"
    assert "3600" in problem.hint


@pytest.mark.parametrize(
    "scoring", ["red_hot: 50", "warm: 85", "nurture: 60", "{red_hot: 60, warm: 60}", "{warm: 40}", "{nurture: 90}"]
)
def test_buckets_are_in_order(load_text, scoring: str) -> None:
    body = scoring if scoring.startswith("{") else f"{{{scoring}}}"
    assert only(load_text, f"scoring: {body}").key == "scoring.red_hot"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "[::]", "laptop.local", "127.0.0.1.evil.example", "0"])
def test_a_host_that_others_can_reach_is_refused(load_text, host: str) -> None:
    problem = only(load_text, f'control:\n  http:\n    host: "{host}"\n')
    assert problem.key == "control.http.host"
    assert "allow_public" in problem.hint


def test_it_needs_both_the_flag_and_the_token(load_text) -> None:
    text = "control:\n  http:\n    host: 0.0.0.0\n    allow_public: true\n"
    loaded = load_text(text)
    assert loaded.settings.control.http.host == "0.0.0.0"
    assert any("other machines can reach leadd" in line for line in loaded.warnings)
    assert only(load_text, text + "    auth: none\n").key == "control.http.auth"


def test_the_old_names_open_no_door(load_text) -> None:
    assert only(load_text, "", {"HOST": "0.0.0.0"}).place == "environment HOST"
    assert only(load_text, "", {"LEADD_HOST": "0.0.0.0"}).place == "environment LEADD_HOST"


def test_a_listener_that_is_off_may_have_any_host(load_text) -> None:
    assert load_text("control: {http: {enabled: false, host: 0.0.0.0}}").warnings == ()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_hosts_of_this_machine_only(host: str) -> None:
    assert not is_public(host)


def test_every_host_is_no_list_of_hosts(load_text) -> None:
    assert only(load_text, "control: {http: {allowed_hosts: ['*']}}").key == "control.http.allowed_hosts"


def test_no_token_is_told_at_every_start(load_text) -> None:
    (line,) = load_text("control: {http: {auth: none}}").warnings
    assert "control.http.auth is none" in line


def test_an_answer_leaves_room_to_ask(load_text) -> None:
    problem = only(load_text, "models: {triage: {max_tokens: 2048}}")
    assert problem.key == "models.triage.max_tokens"


def test_the_inbox_is_the_inbox(load_text) -> None:
    assert only(load_text, "sources: {inbox: {use: folder, path: x}}").key == "sources.inbox.use"
    assert load_text("sources: {inbox: {use: inbox}}").settings.all_sources()["inbox"].use == "inbox"


def test_there_is_always_an_inbox() -> None:
    assert list(Settings().all_sources()) == ["inbox"]
    assert Settings().sources == {}


def test_one_window_for_each_model(load_text) -> None:
    """Two windows for one model would make the server load it anew at each change."""
    loaded = load_text("models:\n  triage: {model: 'gemma3:4b'}\n  dossier: {num_ctx: 8192}\n")
    models = loaded.settings.models
    assert models.triage.num_ctx == models.classify.num_ctx == models.dossier.num_ctx == 8192
    assert loaded.origin["models.triage.num_ctx"] == "one window for each model"
    assert sum("num_ctx is raised" in line for line in loaded.warnings) == 2


def test_other_models_and_roles_that_are_off_keep_their_windows(load_text) -> None:
    models = load_text("models: {dossier: {num_ctx: 8192, enabled: false}}").settings.models
    assert (models.triage.num_ctx, models.classify.num_ctx) == (2048, 4096)
    models = load_text("models: {classify: {use: other, num_ctx: 8192}}").settings.models
    assert models.dossier.num_ctx == 4096


def test_quantized_takes_the_place_of_the_roles_models(load_text) -> None:
    loaded = load_text("models:\n  quantized: true\n  quantized_classify: mine:q4\n  classify: {model: big}\n")
    models = loaded.settings.models
    assert (models.triage.model, models.classify.model, models.dossier.model) == ("gemma3:1b-it-qat", "mine:q4", "mine:q4")
    assert loaded.origin["models.classify.model"] == "models.quantized (file leadd.yaml:2)"
    assert [c.model for c in models.classify.candidates] == ["big"]  # asked where the server lacks the 4-bit one
    assert loaded.warnings == ()


def test_alternatives_stand_by_behind_the_candidates(load_text) -> None:
    text = "models:\n  alternatives: true\n  classify: {candidates: [{model: mid, use: attic, num_ctx: 8192}]}\n"
    models = load_text(text).settings.models
    assert [(c.model, c.use, c.num_ctx) for c in models.classify.candidates] == [
        ("mid", "attic", 8192),
        ("llama3:8b", "ollama", None),
    ]
    assert [c.model for c in models.triage.candidates] == ["mistral:7b"]
    assert Settings().models.triage.candidates == []


def test_a_choice_without_effect_names_its_place(load_text, tmp_path) -> None:
    (line,) = load_text("cache:\n  tiers: [{use: sqlite}]\n  max_entries: 5\n").warnings
    assert line == f"{tmp_path}/leadd.yaml:3:16: cache.max_entries has no effect: no tier of cache.tiers is memory"
    (line,) = load_text("prefilter:\n  similarity_threshold: 0.8\n").warnings
    assert "prefilter.similarity_threshold has no effect" in line
    assert load_text("prefilter:\n  similarity_threshold: 0.7\n").warnings == ()


def test_what_stands_by_for_nothing_says_so(load_text) -> None:
    (line,) = load_text("models:\n  fallback_triage: qwen:1b\n").warnings
    assert "models.fallback_triage has no effect: models.alternatives is false" in line
    assert load_text("models:\n  fallback_triage: qwen:1b\n  alternatives: true\n").warnings == ()
