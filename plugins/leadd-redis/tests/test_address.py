"""URLs: what is read out of them, and that no password comes out again."""

from __future__ import annotations

import pytest
from leadd_redis import Address, RedisConfig
from leadd_redis.address import Kind
from leadd_redis.server import Login, read_login
from pydantic import ValidationError

from leadd.api import NeedsAttention, SecretRef
from leadd.registry.components import declared_secrets, read_config

CANARY = "hunter2-canary"


@pytest.mark.parametrize(
    ("text", "expected", "shown"),
    [
        ("redis://localhost:6379/0", Address(), "redis://localhost:6379/0"),
        ("redis://r", Address(hosts=(("r", 6379),)), "redis://r:6379/0"),
        ("redis://", Address(), "redis://localhost:6379/0"),
        ("REDIS://r:1/3", Address(hosts=(("r", 1),), db=3), "redis://r:1/3"),
        ("redis://r?db=3", Address(hosts=(("r", 6379),), db=3), "redis://r:6379/3"),
        ("redis://me:p%40ss@r/1", Address(hosts=(("r", 6379),), db=1, username="me", password="p@ss"), "redis://r:6379/1"),
        ("redis://:p@ss@r/1", Address(hosts=(("r", 6379),), db=1, password="p@ss"), "redis://r:6379/1"),
        ("redis://r/0?password=p%2Fss", Address(hosts=(("r", 6379),), password="p/ss"), "redis://r:6379/0"),
        ("redis://[::1]:6380/0", Address(hosts=(("::1", 6380),)), "redis://[::1]:6380/0"),
        ("redis://[::1]/0", Address(hosts=(("::1", 6379),)), "redis://[::1]:6379/0"),
        ("rediss://r:1", Address(hosts=(("r", 1),), tls=True), "rediss://r:1/0"),
        (
            "rediss://r?ssl_cert_reqs=none&ssl_ca_certs=/ca.pem&socket_timeout=5&decode_responses=True",
            Address(hosts=(("r", 6379),), tls=True, verify=False, cafile="/ca.pem"),
            "rediss://r:6379/0",
        ),
        ("unix:///run/redis.sock?db=2", Address(Kind.UNIX, (), path="/run/redis.sock", db=2), "unix:///run/redis.sock"),
        (
            "redis+sentinel://:pw@a:1,b/leads/2",
            Address(Kind.SENTINEL, (("a", 1), ("b", 26379)), service="leads", db=2, password="pw"),
            "redis+sentinel://a:1,b:26379/leads/2",
        ),
        (
            "rediss+cluster://a,b:2",
            Address(Kind.CLUSTER, (("a", 6379), ("b", 2)), tls=True),
            "rediss+cluster://a:6379,b:2",
        ),
    ],
)
def test_an_address_has_parts(text: str, expected: Address, shown: str) -> None:
    found = Address.parse(text)
    assert found == expected
    assert str(found) == shown
    assert not expected.password or expected.password not in f"{found} {found!r}"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (f"{CANARY}", "allowed: redis://"),
        (f"http://:{CANARY}@r", "allowed: redis://"),
        (f"redis:{CANARY}", "allowed: redis://"),
        (f"redis://:{CANARY}/x@r:6379/0", "write %2F"),
        (f"redis://:x/{CANARY}@r:6379/0", "write %2F"),
        (f"redis://:a#{CANARY}@r/0", "write %23"),
        (f"redis://:a?{CANARY}@r/0", "no option"),
        (f"redis://r/0?{CANARY}=1", "no option"),
        (f"redis://r:{CANARY}/0", "the port"),
        ("redis://r:0/0", "the port"),
        ("redis://r:70000/0", "the port"),
        ("redis://r:²/0", "the port"),
        (f"redis://r/{CANARY}", "number of the database"),
        ("redis://r/²", "number of the database"),
        ("redis://::1/0", "brackets"),
        (f"redis://[{CANARY}/0", "cannot be read"),
        ("redis://a,b/0", "several hosts"),
        (f"unix://{CANARY}", "path of the socket"),
        ("redis+sentinel://a,b", "name of the service"),
        ("redis+cluster://a/1", "database 0 only"),
    ],
)
def test_what_is_no_address_is_said_without_repeating_it(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        Address.parse(text)
    assert part in str(caught.value)
    assert CANARY not in str(caught.value)
    with pytest.raises(Exception, match=r"url: ") as refused:
        read_config(_Holder, "cache", {"url": text})
    assert CANARY not in str(refused.value)


class _Holder:
    """A component's class as far as `read_config` looks at it."""

    name = "redis"
    Config = RedisConfig


def test_settings_show_no_password() -> None:
    config = RedisConfig.model_validate({"url": f"redis://me:{CANARY}@r:1/0"})
    assert CANARY not in f"{config!r} {config} {config.model_dump()} {config.model_dump_json()}"
    login = read_login(config, str)
    assert (login.username, login.password) == ("me", CANARY)
    assert CANARY not in repr(login)


def test_secrets_are_references() -> None:
    config = RedisConfig.model_validate({"url": "{env:REDIS}", "password": "{file:/pw}", "sentinel_password": "{keyring:a/b}"})
    url, password, sentinel = SecretRef("env", "REDIS"), SecretRef("file", "/pw"), SecretRef("keyring", "a/b")
    assert declared_secrets(config) == {url, password, sentinel}
    said = {url: "redis://me:old@r:1/0", password: "new", sentinel: "watch"}
    assert read_login(config, said.__getitem__) == Login(Address.parse(said[url]), "me", "new", "watch")


def test_a_secret_that_is_no_address() -> None:
    config = RedisConfig.model_validate({"url": "{env:REDIS}"})
    with pytest.raises(NeedsAttention, match=r"the secret \{env:REDIS\} is no address") as caught:
        read_login(config, lambda ref: CANARY)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"url": 5},
        {"url": "{nowhere:x}"},
        {"password": CANARY},
        {"namespace": "a:b"},
        {"namespace": "a{b}"},
        {"namespace": "*"},
        {"namespace": ""},
        {"tls_cafile": "/ca.pem"},
        {"tls_verify": False},
        {"url": "rediss://r", "tls_keyfile": "/key.pem"},
        {"ttl_s": 0},
        {"answer_s": 0},
    ],
)
def test_settings_that_cannot_be(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RedisConfig.model_validate(options)
