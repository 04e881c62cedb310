"""Clients of redis-py for the three ways in which a Redis is run, all with the same limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, NoScriptError

from leadd.api import NeedsAttention, SecretReader, SecretRef
from leadd_redis.address import Address, Kind
from leadd_redis.keyspace import Script
from leadd_redis.settings import RedisConfig


@dataclass(frozen=True, slots=True)
class Login:
    """Where to go and as whom, with every secret read."""

    address: Address
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    sentinel_password: str = field(default="", repr=False)


def read_login(config: RedisConfig, secret: SecretReader) -> Login:
    """The address with its secrets. Raises NeedsAttention for a secret that is missing or that is no address."""
    address = config.url
    if isinstance(address, SecretRef):
        try:
            address = Address.parse(secret(address))
        except ValueError as error:
            raise NeedsAttention(f"the secret {config.url} is no address of a Redis: {error}") from None
    return Login(
        address,
        config.username or address.username,
        secret(config.password) if config.password is not None else address.password,
        secret(config.sentinel_password) if config.sentinel_password is not None else "",
    )


class Server:
    """One Redis, whatever it consists of. Its methods raise what redis-py raises."""

    def __init__(self, login: Login, config: RedisConfig) -> None:
        self.address = login.address
        self.users = 0
        """Calls that are under way: it is closed after the last of them."""
        self._sentinels: Sequence[Any] = ()
        # redis-py's types differ from class to class and from version to version: Any, and all else here is typed
        self._client: Any = self._made(login, config)

    def _made(self, login: Login, config: RedisConfig) -> Any:
        address = self.address
        limits: dict[str, Any] = {
            "socket_timeout": config.answer_s,
            "socket_connect_timeout": config.connect_s,
            # one more try at once, for a connection that the server has closed since it was last used; none after a wait
            "retry": Retry(NoBackoff(), 1, supported_errors=(ConnectionError,)),
            "protocol": 2,
        }
        tls = _tls(address, config)
        login_of: dict[str, Any] = {"username": login.username or None, "password": login.password or None}
        if address.kind is Kind.CLUSTER:
            nodes = [ClusterNode(host, port, **limits, **tls) for host, port in address.hosts]
            return RedisCluster(
                startup_nodes=nodes, require_full_coverage=False, max_connections=config.max_connections,
                **limits, **tls, **login_of,
            )  # fmt: skip
        if address.kind is Kind.SENTINEL:
            own = {**limits, **tls, "retry": Retry(NoBackoff(), 0), "password": login.sentinel_password or None}
            sentinel: Any = Sentinel(address.hosts, sentinel_kwargs=own)  # type: ignore[no-untyped-call]
            self._sentinels = sentinel.sentinels
            return sentinel.master_for(address.service, db=address.db, **limits, **tls, **login_of)
        place = {"unix_socket_path": address.path} if address.kind is Kind.UNIX else _place(address)
        return Redis(db=address.db, **place, **limits, **tls, **login_of)

    async def ask(self, *command: Any) -> Any:
        """One command and its answer."""
        return await self._client.execute_command(*command)

    async def run(self, script: Script, key: bytes, *args: Any) -> Any:
        """A script on one key, by its name where the server knows it."""
        try:
            return await self._client.execute_command("EVALSHA", script.sha, 1, key, *args)
        except NoScriptError:
            return await self._client.execute_command("EVAL", script.text, 1, key, *args)

    async def ask_many(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Many commands in one go. In the place of an answer stands the error of a command that failed."""
        if not commands:
            return []
        async with self._client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            return list(await pipe.execute(raise_on_error=False))

    async def nodes(self) -> list[Callable[..., Awaitable[Any]]]:
        """How to ask each server that holds keys of its own: one, or every primary of the cluster."""
        if isinstance(self._client, RedisCluster):
            await self._client.initialize()
            return [node.execute_command for node in self._client.get_primaries()]
        return [self._client.execute_command]

    async def greet(self) -> None:
        """See that it is there and takes us."""
        if isinstance(self._client, RedisCluster):
            await self._client.initialize()
        await self._client.execute_command("PING")

    async def close(self) -> None:
        """Close every connection; nothing is raised."""
        for client in (self._client, *self._sentinels):
            with suppress(Exception):
                await client.aclose()
        if isinstance(self._client, RedisCluster):
            # a client that never got to know its cluster takes itself for closed, whatever it has opened meanwhile
            for nodes in ("nodes_cache", "startup_nodes"):
                with suppress(Exception):
                    await self._client.nodes_manager.aclose(nodes)


def _place(address: Address) -> dict[str, Any]:
    host, port = address.hosts[0]
    return {"host": host, "port": port}


def _tls(address: Address, config: RedisConfig) -> dict[str, Any]:
    if not address.tls:
        return {}
    verify = config.tls_verify and address.verify is not False
    return {
        "ssl": True,
        "ssl_cert_reqs": "required" if verify else "none",
        "ssl_check_hostname": verify and address.check_hostname is not False,
        "ssl_ca_certs": config.tls_cafile or address.cafile or None,
        "ssl_certfile": config.tls_certfile or address.certfile or None,
        "ssl_keyfile": config.tls_keyfile or address.keyfile or None,
    }
