"""Where the settings let texts go."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from leadd_openai import OpenAIConfig, OpenAIModel
from leadd_openai.addresses import PublicAddress, guarded_socket, is_public
from pydantic import ValidationError

from leadd.api import Failure, Message, ModelFailure, ModelRequest, NeedsAttention, Role
from leadd.testing.context import make_context


@pytest.mark.parametrize(
    ("given", "endpoint"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:1234/v1", "http://127.0.0.1:1234"),
        ("http://127.0.0.1:1234/v1/", "http://127.0.0.1:1234"),
        ("localhost:8000", "http://localhost:8000"),
        (" https://models.lan/llama/v1 ", "https://models.lan/llama"),
        ("http://0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("http://[::]:8080/v1", "http://[::1]:8080"),
        ("http://192.168.0.9:1234", "http://192.168.0.9:1234"),
        ("http://[fd00::5]", "http://[fd00::5]"),
        ("http://100.64.1.2:8000", "http://100.64.1.2:8000"),
    ],
)
def test_an_address_is_read_as_people_write_it(given: str, endpoint: str) -> None:
    assert OpenAIConfig(endpoint=given).endpoint == endpoint


@pytest.mark.parametrize(
    "given",
    [
        "ftp://localhost", "http://", "http://me:secret@localhost", "http://localhost?x=1", "http://localhost/v1/chat/completions",
        "http://8.8.8.8", "https://[2606:4700::1111]/v1", "http://[::ffff:8.8.8.8]:80", "http://[2002:808:808::1]",
    ],
)  # fmt: skip
def test_other_addresses_are_refused(given: str) -> None:
    with pytest.raises(ValidationError):
        OpenAIConfig(endpoint=given)


def test_the_open_internet_has_to_be_permitted() -> None:
    with pytest.raises(ValidationError, match="allow_remote"):
        OpenAIConfig(endpoint="https://203.0.114.7/v1")
    assert OpenAIConfig(endpoint="https://203.0.114.7/v1", allow_remote=True).endpoint == "https://203.0.114.7"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "fe80::1%eth0", "169.254.1.1", "fd12::1"])
def test_this_machine_and_its_network_are_not_public(address: str) -> None:
    assert is_public(address) is False


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1", "::ffff:1.1.1.1", "64:ff9b::808:808", "224.0.0.1"])
def test_the_rest_is(address: str) -> None:
    assert is_public(address) is True


def test_a_socket_goes_nowhere_else() -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 443))
    with pytest.raises(PublicAddress):
        guarded_socket(info)
    guarded_socket((*info[:4], ("127.0.0.1", 443))).close()


async def test_a_name_that_leads_to_the_open_internet_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(*args: object, **kwargs: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    model = OpenAIModel(OpenAIConfig(endpoint="http://models.example"), make_context(tmp_path))
    await model.open()
    with pytest.raises(ModelFailure) as caught:
        await model.complete(ModelRequest(Role.TRIAGE, "m", (Message("user", "private"),), 8, 512))
    assert caught.value.kind is Failure.FORBIDDEN
    assert "allow_remote" in caught.value.message
    assert "allow_remote" in (await model.health()).reason
    await model.close()


async def test_a_missing_key_needs_a_person(tmp_path: Path) -> None:
    config = OpenAIConfig.model_validate({"api_key": "{env:NOT_SET}"})
    model = OpenAIModel(config, make_context(tmp_path))
    with pytest.raises(NeedsAttention):
        await model.open()
    await model.close()
    assert "NOT_SET" in repr(config)


async def test_advice_names_a_place_off_this_machine(tmp_path: Path) -> None:
    config = OpenAIConfig.model_validate({"endpoint": "http://192.168.77.5:8080", "api_key": "{env:KEY}", "probe_s": 0.1})
    assert not config.is_loopback
    assert OpenAIConfig(endpoint="http://model.localhost").is_loopback
