"""The way to the server: how long anything may take, and what happens while the server is away.

Whoever asks never waits for a server that is known to be away, and never dials one: a task of its own looks whether it is back,
after 0.5 s, then ever more rarely up to 15 s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from leadd.api import Context, LeaddError
from leadd_redis.address import Address
from leadd_redis.reasons import Trouble, trouble_of
from leadd_redis.server import Server, read_login
from leadd_redis.settings import RedisConfig

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
QUIET_S = 600.0
"""The same trouble is told again in the log after this time at the earliest."""
TURNED_AWAY = Trouble("turned_away", "it closes the connection at once: does it take clients from here?")
T = TypeVar("T")


class Link:
    """Runs work on the server within its limits. Nothing is raised but cancellation, and what `open` says."""

    def __init__(self, config: RedisConfig, ctx: Context) -> None:
        self._config = config
        self._ctx = ctx
        self._server: Server | None = None
        self._address = config.url if isinstance(config.url, Address) else Address()
        self._room = asyncio.Semaphore(config.max_connections)
        self._is_open = False
        self._look: asyncio.Task[None] | None = None
        self._look_at_s = 0.0
        self._pause_s = FIRST_PAUSE_S
        self._told: dict[str, float] = {}
        self.errors = 0
        """Calls that failed or that were not made as the server was away."""
        self.reconnects = 0
        """How often the server came back."""

    @property
    def is_open(self) -> bool:
        return self._is_open

    @property
    def is_away(self) -> bool:
        """True while the server is known not to answer."""
        return self._is_open and self._server is None

    async def open(self) -> None:
        """Connect, or take note that the server is away. Raises NeedsAttention for a secret that is missing."""
        if self._is_open:
            return
        self._address = read_login(self._config, self._ctx.secret).address
        self._is_open = True
        trouble = await self._dial()
        if trouble is not None:
            self._rest()
            self._tell(trouble)

    async def close(self) -> None:
        """Hang up; calls that are under way end as misses."""
        self._is_open = False
        server, self._server = self._server, None
        look, self._look = self._look, None
        if look is not None:
            look.cancel()
            await asyncio.wait({look})
        taken = 0
        try:
            while taken < self._config.max_connections:
                await self._room.acquire()  # whoever is still on the way has a limit
                taken += 1
        finally:
            for _ in range(taken):
                self._room.release()
            if server is not None:
                await server.close()

    async def run(self, work: Callable[[Server], Awaitable[T]], otherwise: T, *, limit_s: float | None = None) -> T:
        """What `work` gives, `otherwise` where the server is away, refuses or takes longer than `limit_s`."""
        server = self._at_hand()
        if server is None:
            return otherwise
        async with self._room:  # the wait for a connection is no fault of the server's, so it stands outside the limit
            if server is not self._server:
                self.errors += self._is_open
                return otherwise
            server.users += 1
            try:
                async with asyncio.timeout(limit_s or self._config.answer_s):
                    answer = await work(server)
            except Exception as error:
                self._note(error, server, limit_s)
                return otherwise
            finally:
                server.users -= 1
                if server is not self._server and not server.users:
                    await server.close()
        self._pause_s = FIRST_PAUSE_S
        return answer

    async def look(self) -> Trouble | None:
        """Go and see, whatever is known: what is wrong with the server, None where it answers. For a person who asks."""
        if self._server is None:
            return await self._dial()
        try:
            async with asyncio.timeout(self._dial_limit_s):
                await self._server.greet()
        except Exception as error:
            return self._trouble(error, self._config.connect_s)
        return None

    def trouble(self, error: BaseException) -> Trouble:
        """What an error of `work` means."""
        return self._trouble(error, self._config.answer_s)

    @property
    def address(self) -> Address:
        """Where the server is."""
        return self._address

    def _at_hand(self) -> Server | None:
        """The server, or None; then it is looked for beside this call, when its time has come."""
        if self._server is not None or not self._is_open:
            return self._server
        self.errors += 1
        is_looking = self._look is not None and not self._look.done()
        if not is_looking and self._ctx.clock.monotonic_s() >= self._look_at_s:
            self._look = asyncio.create_task(self._look_again())
        return None

    async def _look_again(self) -> None:
        trouble = await self._dial()
        if trouble is not None:
            self._rest()
            self._tell(trouble)
            return
        self.reconnects += 1
        self._ctx.log.info("the Redis at %s answers again", self._address)

    @property
    def _dial_limit_s(self) -> float:
        # each sentinel and each server of a cluster may be the dead one that is asked first
        return self._config.connect_s * max(1, len(self._address.hosts)) + self._config.answer_s

    async def _dial(self) -> Trouble | None:
        """A new client, once it was seen to work. Secrets are read again: a password may have changed meanwhile."""
        try:
            login = read_login(self._config, self._ctx.secret)
        except LeaddError as error:
            return Trouble("secret", str(error))
        self._address = login.address
        server = Server(login, self._config)
        try:
            async with asyncio.timeout(self._dial_limit_s):
                await server.greet()
        except Exception as error:
            trouble = self._trouble(error, self._config.connect_s)
            return TURNED_AWAY if trouble.sort == "lost" else trouble
        else:
            if self._is_open and self._server is None:
                self._server = server
            return None
        finally:
            if server is not self._server:
                await server.close()

    def _note(self, error: Exception, server: Server, limit_s: float | None) -> None:
        self.errors += 1
        if server is not self._server:
            return  # it was given up while this call was under way
        trouble = self._trouble(error, limit_s or self._config.answer_s)
        self._tell(trouble)
        if trouble.is_away:
            self._server = None
            self._rest()

    def _rest(self) -> None:
        self._look_at_s = self._ctx.clock.monotonic_s() + self._pause_s
        self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)

    def _trouble(self, error: BaseException, limit_s: float) -> Trouble:
        return trouble_of(error, self._address, limit_s)

    def _tell(self, trouble: Trouble) -> None:
        now_s = self._ctx.clock.monotonic_s()
        if now_s - self._told.get(trouble.sort, float("-inf")) < QUIET_S:
            return
        self._told[trouble.sort] = now_s
        self._ctx.log.warning("the Redis at %s: %s; leadd goes on without what it keeps", self._address, trouble.text)
