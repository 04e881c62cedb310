"""Settings from all places: who wins, what is refused, and where the error is said to stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadd.config.loading import Loaded, load
from leadd.config.paths import Paths
from leadd.config.problems import SettingsError, SettingsProblem
from leadd.config.settings import Settings
from leadd.config.tree import leaves


def problems(load_text, *arguments: object, **named: object) -> list[SettingsProblem]:
    with pytest.raises(SettingsError) as caught:
        load_text(*arguments, **named)
    return caught.value.problems


def only(load_text, *arguments: object, **named: object) -> SettingsProblem:
    found = problems(load_text, *arguments, **named)
    assert len(found) == 1, found
    return found[0]


def test_nothing_set_gives_the_defaults(load_text) -> None:
    loaded: Loaded = load_text()
    assert loaded.settings == Settings()
    assert loaded.warnings == ()
    assert loaded.file is None
    assert set(loaded.origin.values()) == {"default"}
    assert set(loaded.origin) == {leaf.key for leaf in leaves()}


def test_precedence_step_by_step(load_text) -> None:
    """Each place beats those before it, and says so."""
    key = "inference.slots"
    text = "inference:\n  slots: 5\n"
    bare = {"BATCH_CONCURRENCY_LIMIT": "6"}
    named = {**bare, "LEADD_BATCH_CONCURRENCY_LIMIT": "7"}
    nested = {**named, "LEADD__INFERENCE__SLOTS": "3"}
    steps = [
        (load_text(), 8, "default"),
        (load_text(profile="performance"), 16, "profile performance"),
        (load_text(text, profile="performance"), 5, "file leadd.yaml:2"),
        (load_text(text, bare, profile="performance"), 6, "environment BATCH_CONCURRENCY_LIMIT"),
        (load_text(text, named, profile="performance"), 7, "environment LEADD_BATCH_CONCURRENCY_LIMIT"),
        (load_text(text, nested, profile="performance"), 3, "environment LEADD__INFERENCE__SLOTS"),
        (load_text(text, nested, profile="performance", overrides={key: "9"}), 9, "flag"),
    ]
    assert [(loaded.settings.inference.slots, loaded.origin[key]) for loaded, _, _ in steps] == [(v, o) for _, v, o in steps]


def test_one_key_of_a_section_leaves_the_others(load_text) -> None:
    models = load_text("models:\n  triage:\n    num_ctx: 4096\n").settings.models
    assert (models.triage.model, models.triage.num_ctx) == ("gemma3:1b", 4096)
    assert models.classify.model == "gemma3:4b"


def test_an_empty_section_is_its_defaults(load_text) -> None:
    assert load_text("log:\nmodels:\n  triage:\nsources:\nsinks: ~\n").settings == Settings()


def test_lists_are_replaced_not_joined(load_text) -> None:
    loaded = load_text("cache:\n  tiers: [{use: memory}]\n")
    assert [tier.use for tier in loaded.settings.cache.tiers] == ["memory"]


def test_every_problem_is_named_at_once_with_its_place(load_text, tmp_path: Path) -> None:
    text = "log:\n  levle: debug\ncontrol:\n  http:\n    port: eighty\n    auth: yes\npipeline:\n  batch: 0\n"
    found = problems(load_text, text)
    places = {problem.key: problem.place.removeprefix(f"{tmp_path}/") for problem in found}
    assert places == {
        "log.levle": "leadd.yaml:2:3",
        "control.http.port": "leadd.yaml:5:11",
        "control.http.auth": "leadd.yaml:6:11",
        "pipeline.batch": "leadd.yaml:8:10",
    }
    by_key = {problem.key: problem for problem in found}
    assert by_key["log.levle"].hint == "did you mean 'log.level'?"
    assert by_key["control.http.port"].message == "got 'eighty'; allowed: a whole number"
    assert by_key["control.http.auth"].message == "got 'yes'; allowed: 'token' or 'none'"
    assert by_key["pipeline.batch"].message == "got 0; allowed: at least 1"


def test_an_error_is_one_line_that_an_editor_can_jump_to(load_text, tmp_path: Path) -> None:
    line = str(only(load_text, "inference:\n  slots: many\n"))
    assert line == f"{tmp_path}/leadd.yaml:2:10: inference.slots: got 'many'; allowed: a whole number"


def test_a_number_where_text_is_needed_is_told_to_be_quoted(load_text) -> None:
    problem = only(load_text, "models:\n  triage:\n    model: 4\n")
    assert problem.message == "got 4; allowed: text"
    assert "quotes" in problem.hint


def test_errors_inside_lists_name_the_item(load_text, tmp_path: Path) -> None:
    problem = only(load_text, "cache:\n  tiers:\n    - use: memory\n    - use: 7\n")
    assert problem.key == "cache.tiers[1].use"
    assert problem.place == f"{tmp_path}/leadd.yaml:4:12"


def test_a_section_that_is_no_section(load_text) -> None:
    problem = only(load_text, "log: loud\n")
    assert problem.key == "log"
    assert "mapping" in problem.message
    assert only(load_text, "log: loud\n", {"LEADD__LOG__LEVEL": "debug"}).message == problem.message
    assert only(load_text, "sources: [a]\n", {"LEADD__SOURCES__A__USE": "x"}).key == "sources"


def test_an_entry_without_use_is_named_where_it_stands(load_text, tmp_path: Path) -> None:
    problem = only(load_text, "sources:\n  feeds:\n    url: http://example.org\n")
    assert (problem.key, problem.message) == ("sources.feeds.use", "is needed, and is not there")
    assert problem.place == f"{tmp_path}/leadd.yaml:3:5"
    assert only(load_text, "sources:\n  feeds:\n").key == "sources.feeds.use"


@pytest.mark.parametrize("name", ["Feeds", "my feeds", "../up", "a.b", "x" * 65, "-x"])
def test_names_that_are_no_names(load_text, name: str) -> None:
    problem = problems(load_text, f'sources:\n  "{name}": {{use: folder}}\n')[0]
    assert f"'{name}' is no name" in problem.message


def test_a_components_own_keys_are_kept_for_it(load_text) -> None:
    text = "sources:\n  jobs:\n    use: feeds\n    interval_s: 60\n    urls: [a, b]\n    headers: {x: y}\n"
    entry = load_text(text).settings.sources["jobs"]
    assert (entry.use, entry.interval_s, entry.enabled) == ("feeds", 60, True)
    assert entry.options == {"urls": ["a", "b"], "headers": {"x": "y"}}


def test_a_file_that_is_named_must_exist(tmp_path: Path, paths: Paths) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load(file=tmp_path / "gone.yaml", environ={}, paths=paths)
    with pytest.raises(SettingsError, match="does not exist"):
        load(environ={"LEADD_CONFIG": str(tmp_path / "gone.yaml")})


def test_the_file_of_the_paths_is_read_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "leadd.yaml").write_text("debug: true\n")
    loaded = load(environ={"LEADD_HOME": str(tmp_path)})
    assert loaded.settings.debug is True
    assert loaded.file == tmp_path / "leadd.yaml"
    assert loaded.paths.data_folder == tmp_path / "data"


def test_a_folder_in_place_of_the_file_is_said(tmp_path: Path, paths: Paths) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(file=tmp_path, environ={}, paths=paths)


def test_a_broken_document_is_a_problem_with_line_and_column(load_text, tmp_path: Path) -> None:
    problem = only(load_text, "log:\n  level: info\nlog:\n  files: 2\n")
    assert problem.place == f"{tmp_path}/leadd.yaml:3:1"
    assert problem.key == "log"


def test_relative_paths_count_from_the_file_and_home_is_expanded(load_text, tmp_path: Path) -> None:
    loaded = load_text("paths:\n  data: state/../store\n  plugins: ~/my-plugins\nprompts:\n  folder: words\n")
    assert loaded.settings.paths.data == tmp_path / "store"
    assert loaded.settings.paths.plugins == Path.home() / "my-plugins"
    assert loaded.settings.prompts.folder == tmp_path / "words"


def test_paths_in_force_follow_the_settings(load_text, tmp_path: Path, paths: Paths) -> None:
    loaded = load_text("paths:\n  data: d\n  plugins: p\n  prompts: w\ncontrol:\n  socket: s.sock\n")
    assert loaded.paths.data_folder == tmp_path / "d"
    assert loaded.paths.database_file == tmp_path / "d" / "leadd.db"
    assert loaded.paths.plugins_folder == tmp_path / "p"
    assert loaded.paths.prompts_folder == tmp_path / "w"
    assert loaded.paths.socket_file == tmp_path / "s.sock"
    assert loaded.paths.state_folder == paths.state_folder
    assert load_text("store:\n  database: x.db\n").paths.database_file == tmp_path / "x.db"


def test_two_names_of_the_prompts_folder_are_one(load_text, tmp_path: Path) -> None:
    loaded = load_text("paths:\n  prompts: a\n")
    assert loaded.settings.prompts.folder == tmp_path / "a"
    assert loaded.origin["prompts.folder"] == "paths.prompts (file leadd.yaml:2)"
    both = load_text("paths:\n  prompts: a\nprompts:\n  folder: b\n")
    assert both.settings.paths.prompts == both.settings.prompts.folder == tmp_path / "b"
    assert any("paths.prompts is not used" in line for line in both.warnings)


def test_origins_tell_the_key_of_an_entry(load_text) -> None:
    loaded = load_text("sources:\n  jobs: {use: feeds, url: x}\n", {"LEADD__SOURCES__JOBS__URL": "y"})
    assert loaded.origin["sources.jobs.use"] == "file leadd.yaml:2"
    assert loaded.origin["sources.jobs.url"] == "environment LEADD__SOURCES__JOBS__URL"


def test_debug_is_the_log_level_in_force(load_text) -> None:
    loaded = load_text("debug: true\nlog: {level: WARNING}\n")
    assert loaded.settings.log.level == "debug"
    assert loaded.origin["log.level"] == "debug (file leadd.yaml:1)"
    assert load_text("log: {level: WARNING}\n").settings.log.level == "warning"


def test_flags_are_checked_like_all_else(load_text) -> None:
    unknown = only(load_text, overrides={"control.http.prot": "1"})
    assert (unknown.place, unknown.key) == ("flag", "control.http.prot")
    assert unknown.hint == "did you mean 'control.http.port'?"
    wrong = only(load_text, overrides={"control.http.port": "x"})
    assert (wrong.place, wrong.key) == ("flag", "control.http.port")


def test_settings_error_holds_every_line() -> None:
    error = SettingsError([SettingsProblem("a.yaml:1:2", "x", "bad", "try y"), SettingsProblem("flag", "z", "worse")])
    assert str(error) == "a.yaml:1:2: x: bad (try y)\nflag: z: worse"


@pytest.mark.parametrize(
    "text",
    [
        "sinks: hunter2\n",
        "sinks: {hook: hunter2}\n",
        "sinks: {hook: [hunter2]}\n",
        "sinks: {hook: {token: hunter2}}\n",
        "sinks: {hook: {use: x, token: hunter2, token: hunter2}}\n",
        "sinks: {hook: {use: x, options: hunter2}}\n",
        "models: {extra: [hunter2]}\n",
        "models: {token: hunter2}\n",
        "models: {endpoint: 'ftp://me:hunter2@host'}\n",
        "cache: {redis_url: {x: hunter2}}\n",
        "token: hunter2: x\n",
        "token: !hunter2x y\n  z: w\n",
        "token: 'hunter2\n",
        "token: hunter2\n- hunter2\n",
    ],
)
def test_no_error_repeats_a_secret(load_text, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_text(text)
    assert "hunter2" not in str(caught.value).replace("!hunter2x", "")
