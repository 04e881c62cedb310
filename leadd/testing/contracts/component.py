"""What every component owes, whatever its kind."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest
from pydantic import ValidationError

from leadd.api import Component, ComponentConfig, Context, LeaddError
from leadd.testing.clock import ManualClock
from leadd.testing.context import make_context

C = TypeVar("C", bound=Component)
T = TypeVar("T")


@asynccontextmanager
async def closing(iterator: AsyncIterator[T]) -> AsyncIterator[AsyncIterator[T]]:
    """`iterator`, closed at the end where it can be: a plugin may answer with a generator or with a class of its own."""
    try:
        yield iterator
    finally:
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()


class ComponentContract(Generic[C]):
    """Name, settings, and the life from `open` to `close`. The suites of the four kinds build on it."""

    patience_s = 10.0
    """Real seconds after which a call counts as hanging."""

    hostile_texts = (
        "",
        "\x00\x1b[2J\x07",
        "<script>alert(1)</script>",
        '=HYPERLINK("http://evil.example")',
        "\u202egnp.exe \ufeff\u200b",
        "\U0001f4a9" * 50,
        "'; drop table lead; --",
        "../../../etc/passwd",
        "a\r\nb\r\n\r\nc",
        "x" * 100_000,
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for each in cls.__mro__:
            for name, test in vars(each).items():
                if name.startswith("test_") and inspect.iscoroutinefunction(test):
                    marks = getattr(test, "pytestmark", [])
                    if not any(mark.name == "asyncio" for mark in marks):
                        pytest.mark.asyncio(test)  # authors may run pytest-asyncio in strict mode

    def make(self, ctx: Context) -> C:
        """A new component, not opened yet. Each test makes its own, some make a second one with the same context."""
        raise NotImplementedError("say how to make the component: def make(self, ctx): return MyPlugin(config, ctx)")

    def context(self, folder: Path, clock: ManualClock) -> Context:
        """What the component is lent. Override it to lend a network (`make_context(folder, clock, http)`) or secrets."""
        return make_context(folder, clock)

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def ctx(self, tmp_path: Path, clock: ManualClock) -> Context:
        return self.context(tmp_path, clock)

    @asynccontextmanager
    async def opened(self, ctx: Context) -> AsyncIterator[C]:
        """A component between `open` and `close`."""
        component = self.make(ctx)
        try:
            await self.in_time(component.open())
            yield component
        finally:
            await self.in_time(component.close())

    async def in_time(self, awaitable: Awaitable[T]) -> T:
        """What `awaitable` gives, or a failed test where it hangs."""
        try:
            async with asyncio.timeout(self.patience_s) as limit:
                return await awaitable
        except TimeoutError:
            if limit.expired():
                pytest.fail(f"no end within {self.patience_s} s")
            raise

    def test_it_has_a_name_to_use_in_the_settings(self, ctx: Context) -> None:
        name = type(self.make(ctx)).name
        assert isinstance(name, str)
        assert re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", name), f"'{name}' cannot stand after `use:`"

    def test_its_settings_refuse_unknown_keys_and_have_a_schema(self, ctx: Context) -> None:
        config: type[ComponentConfig] = type(self.make(ctx)).Config
        assert issubclass(config, ComponentConfig)
        assert isinstance(config.model_json_schema(), dict)
        with pytest.raises(ValidationError) as caught:
            config.model_validate({"no_such_key_anywhere": 1})
        assert any(error["type"] == "extra_forbidden" for error in caught.value.errors()), "an unknown key passes silently"

    def test_making_one_does_nothing_yet(self, ctx: Context) -> None:
        before = sorted(ctx.data_folder.rglob("*"))
        self.make(ctx)
        assert sorted(ctx.data_folder.rglob("*")) == before, "files are made in open(), not in __init__()"

    async def test_it_closes_twice(self, ctx: Context) -> None:
        component = self.make(ctx)
        await self.in_time(component.open())
        await self.in_time(component.close())
        await self.in_time(component.close())

    async def test_it_closes_though_it_was_never_opened(self, ctx: Context) -> None:
        await self.in_time(self.make(ctx).close())

    async def test_check_answers_in_one_sentence(self, ctx: Context) -> None:
        async with self.opened(ctx) as component:
            problem = await self.in_time(component.check())
        assert problem is None or (isinstance(problem, str) and problem.strip() and "\n" not in problem)

    async def test_two_of_them_live_side_by_side(self, tmp_path: Path, clock: ManualClock) -> None:
        folders = [tmp_path / "one", tmp_path / "two"]
        for folder in folders:
            folder.mkdir()
        contexts = [self.context(folder, clock) for folder in folders]
        async with self.opened(contexts[0]) as first, self.opened(contexts[1]) as second:
            await self.in_time(first.check())
            await self.in_time(second.check())

    async def cancel_midway(self, call: Awaitable[Any]) -> None:
        """Start `call`, cancel it as soon as it waits, and see that the cancellation comes through."""
        task = asyncio.ensure_future(call)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=self.patience_s)
        assert done, "a cancelled call goes on"
        if not task.cancelled():
            error = task.exception()  # it was done before the cancellation came: an answer or an error of the contract
            assert error is None or isinstance(error, LeaddError)
