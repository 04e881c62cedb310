"""Lines about wrong settings: the key, what was got, what is allowed, the nearest key, and never a secret."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leadd.api import SecretRef
from leadd.api.diagnosis import describe, diagnose, dotted, looks_secret, model_at, nearest


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: Annotated[int, Field(gt=0, lt=10)] = 1


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    color: Color = Color.RED
    mode: Literal["a", "b"] = "a"
    ratio: float = 0.5
    inner: Inner = Inner()
    maybe: Inner | None = None
    many: tuple[Inner, ...] = ()
    named: dict[str, Inner] = Field(default_factory=dict)
    words: list[str] = Field(default_factory=list)
    code: Annotated[str, Field(pattern="^[a-z]+$")] = "a"
    token: SecretRef | None = None
    password: Annotated[str, Field(max_length=3)] = ""


def lines(**values: object) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(values)
    return [str(finding) for finding in diagnose(caught.value, Outer)]


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"color": "green"}, "color: got 'green'; allowed: 'red' or 'blue'"),
        ({"mode": "c"}, "mode: got 'c'; allowed: 'a' or 'b'"),
        ({"ratio": "half"}, "ratio: got 'half'; allowed: a number"),
        ({"inner": {"size": 0}}, "inner.size: got 0; allowed: more than 0"),
        ({"inner": {"size": 10}}, "inner.size: got 10; allowed: less than 10"),
        ({"inner": {"size": 1.5}}, "inner.size: got 1.5; allowed: a whole number"),
        ({"inner": {"size": None}}, "inner.size: got nothing; allowed: a whole number"),
        ({"inner": [1]}, "inner: got a list; allowed: a mapping (`key: value` lines)"),
        ({"words": "a"}, "words: got text; allowed: a list"),
        ({"words": [1]}, "words[0]: got 1; allowed: text (write it in quotes)"),
        ({"words": [True]}, "words[0]: got true; allowed: text (write it in quotes)"),
        ({"named": []}, "named: got a list; allowed: a mapping (`key: value` lines)"),
        ({"code": "A1"}, "code: got 'A1'; allowed: text like ^[a-z]+$"),
        ({"inner": {"sise": 1}}, "inner.sise: there is no such key (did you mean 'inner.size'?)"),
        ({"many": [{"sise": 1}]}, "many[0].sise: there is no such key (did you mean 'many[0].size'?)"),
        ({"maybe": {"sise": 1}}, "maybe.sise: there is no such key (did you mean 'maybe.size'?)"),
        ({"named": {"x": {"sise": 1}}}, "named.x.sise: there is no such key (did you mean 'named.x.size'?)"),
        ({"inner": {"zzz": 1}}, "inner.zzz: there is no such key (known keys: size)"),
    ],
)
def test_every_kind_of_fault_is_a_line(values: dict[str, object], line: str) -> None:
    assert lines(**values) == [line]


def test_all_faults_are_named() -> None:
    assert len(lines(color="green", mode="c", unknown=1)) == 3


@pytest.mark.parametrize("value", ["hunter2", 5, ["hunter2"], {"hunter2": "hunter2"}])
def test_secrets_are_not_repeated(value: object) -> None:
    (line,) = lines(token=value)
    assert "hunter2" not in line
    assert "reference" in line
    (line,) = lines(password="hunter2")
    assert line == "password: got a value that is not shown; allowed: string should have at most 3 characters"
    (line,) = lines(tokn="hunter2")
    assert "hunter2" not in line


def test_passwords_in_addresses_are_left_out() -> None:
    assert describe("http://me:hunter2@host/x") == "'http://…@host/x'"
    assert len(describe("x" * 500)) <= 80


@pytest.mark.parametrize("key", ["token", "api_key", "apikey", "hook-secret", "x.password", "credentials", "Auth", "tokens"])
def test_names_that_look_secret(key: str) -> None:
    assert looks_secret(key)


@pytest.mark.parametrize("key", ["max_tokens", "keyword", "author", "monkey", "tokenizer", "url", "min_tokens"])
def test_names_that_do_not(key: str) -> None:
    assert not looks_secret(key)


def test_the_nearest_word() -> None:
    assert nearest("Levle", ["level", "files"]) == "level"
    assert nearest("max-attempts", ["max_attempts"]) == "max_attempts"
    assert nearest("zzz", ["level"]) is None
    assert nearest("level", ["levels"], cutoff=0.99) is None


def test_places_as_people_write_them() -> None:
    assert dotted(("a", 0, "b")) == "a[0].b"
    assert dotted(()) == ""
    assert model_at(Outer, ("named", "x")) is Inner
    assert model_at(Outer, ("ratio", "x")) is None
    assert model_at(Outer, ("nothing",)) is None
