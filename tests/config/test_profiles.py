"""The profiles: each is a whole, valid set of settings, and every value says why."""

from __future__ import annotations

from typing import get_args

import pytest

from leadd.config.checks import find_conflicts
from leadd.config.problems import SettingsError
from leadd.config.profiles import PROFILES
from leadd.config.settings import ProfileName, Settings
from leadd.config.tree import leaves

NAMES = [name for name in PROFILES if name != "default"]


def test_the_names_are_those_that_the_tree_takes() -> None:
    assert tuple(PROFILES) == get_args(ProfileName)
    assert NAMES == ["performance", "constrained", "production"]


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_is_in_force_as_written(load_text, name: str) -> None:
    loaded = load_text(profile=name)
    assert loaded.settings.profile == name
    assert loaded.origin["profile"] == "flag"
    assert find_conflicts(loaded.settings) == []
    assert loaded.warnings == ()
    dumped = loaded.settings.model_dump(mode="json")
    for choice in PROFILES[name]:
        here = dumped
        for part in choice.key.split("."):
            here = here[part]
        if choice.key == "cache.tiers":
            here = [{"use": tier["use"]} for tier in here]
        assert here == choice.value
        assert loaded.origin[choice.key] == f"profile {name}"


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_says_why_and_changes_something(name: str) -> None:
    defaults = {leaf.key: leaf.default for leaf in leaves()}
    for choice in PROFILES[name]:
        assert len(choice.why) > 10
        assert choice.value != defaults[choice.key]
    assert len({choice.key for choice in PROFILES[name]}) == len(PROFILES[name])


@pytest.mark.parametrize(
    ("text", "environ", "flag", "expected"),
    [
        ("profile: constrained", {}, None, 1),
        ("profile: constrained", {"LEADD_PROFILE": "performance"}, None, 16),
        ("profile: constrained", {"LEADD_PROFILE": "x", "LEADD__PROFILE": "performance"}, None, 16),
        ("profile: constrained", {"LEADD__PROFILE": "performance"}, "production", 8),
        ("profile: constrained\ninference: {slots: 3}", {}, None, 3),
    ],
)
def test_where_the_profile_is_named(load_text, text, environ, flag, expected) -> None:
    if environ.get("LEADD_PROFILE") == "x":
        environ = {**environ, "LEADD_PROFILE": "performance"}
    assert load_text(text, environ, profile=flag).settings.inference.slots == expected


def test_a_profile_that_does_not_exist(load_text) -> None:
    with pytest.raises(SettingsError) as caught:
        load_text(profile="fast")
    assert str(caught.value).startswith("flag: profile: got 'fast'; allowed: 'default', 'performance'")
    with pytest.raises(SettingsError, match="environment LEADD_PROFILE"):
        load_text(None, {"LEADD_PROFILE": "fast"})


def test_the_default_profile_changes_nothing(load_text) -> None:
    assert load_text(profile="default").settings == Settings()
