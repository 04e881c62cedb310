"""The daemon itself: how it is, what is in force in it, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from leadd import __version__
from leadd.control.call import Call
from leadd.control.errors import FIXED_HEADERS, ApiError
from leadd.control.house import House
from leadd.control.metrics import METRICS_TYPE, Metrics
from leadd.control.model_figures import cache_figures, ollama_figures
from leadd.control.router import Route
from leadd.control.wire import Done
from leadd.control.wire_house import (
    CheckItem,
    CheckOut,
    ConfigOut,
    Health,
    Index,
    InstanceOut,
    Live,
    PluginList,
    PluginOut,
    SettingOut,
)


class SystemRoutes:
    """/health, /livez, /readyz, /metrics, /openapi.json, / and the lists of what is in force."""

    def __init__(
        self,
        house: House,
        metrics: Metrics,
        document: Callable[[], Mapping[str, Any]],
        show: Callable[[], list[tuple[str, str, str]]],
    ) -> None:
        self._house = house
        self._metrics = metrics
        self._document = document
        self._show = show

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        area = "daemon"
        return (
            Route("GET", "/", area, "What answers here, and where to look next", self.index, Index),
            Route("GET", "/health", area, "How leadd, its database, models, cache and prompts are", self.health, Health),
            Route("GET", "/livez", area, "The loop is alive", self.livez, Live),
            Route("GET", "/readyz", area, "Work can be accepted and committed now: tries a real write", self.readyz, Live),
            Route("GET", "/metrics", area, "Figures for Prometheus", self.metrics, gives=(METRICS_TYPE,)),
            Route("GET", "/openapi.json", area, "This interface, as OpenAPI 3.1", self.openapi, dict[str, Any]),
            Route("GET", "/api/status", area, "What leadd status shows", self.status, dict[str, Any]),
            Route("GET", "/api/check", area, "What the components say is wrong with them, asked now", self.check, CheckOut),
            Route("GET", "/api/config", area, "The settings in force and where each comes from", self.config, ConfigOut),
            Route("GET", "/api/plugins", area, "Plugins, and the components that run", self.plugins, PluginList),
            Route(
                "POST",
                "/api/stop",
                area,
                "Stop leadd (Unix socket or token only)",
                self.stop,
                Done,
                status=202,
                proven_only=True,
            ),
        )

    async def index(self, call: Call) -> Index:
        """Where to look next."""
        links = {"health": "/health", "leads": "/api/leads/", "status": "/api/status", "openapi": "/openapi.json"}
        return Index(name="leadd", version=__version__, links=links)

    async def health(self, call: Call) -> Health:
        """All of it in one answer; never fails because a part is down."""
        status = await self._house.status()
        features = self._house.loaded.settings
        return Health(
            status="ok" if status.get("state") == "ok" else "degraded",
            version=__version__,
            api="ok",
            database=await self._probe(call.limits.probe_s) or "ok",
            ollama=ollama_figures(self._house).model_dump(),
            cache=(await cache_figures(self._house)).model_dump(),
            prompts=self._prompt_figures(),
            features={
                "response_cache": features.cache.enabled,
                "prefilter": features.prefilter.enabled,
                "custom_prompts": features.prompts.custom,
                "streaming": features.inference.streaming,
                "embeddings": features.models.embed.enabled,
                "quantized_models": features.models.quantized,
                "health_monitoring": features.inference.health_enabled,
            },
            reasons=[str(reason) for reason in status.get("reasons", ())],
        )

    async def livez(self, call: Call) -> Live:
        """Alive is whoever answers."""
        return Live()

    async def readyz(self, call: Call) -> Live:
        """Ready is whoever can commit. A missing Ollama is degraded, not unready: signals are taken and wait."""
        if self._house.state != "running":
            raise ApiError(503, "not_ready", f"leadd is {self._house.state}")
        problem = await self._probe(call.limits.probe_s)
        if problem:
            raise ApiError(503, "not_ready", f"the database cannot be written: {problem}", "look for a full disk")
        return Live()

    async def metrics(self, call: Call) -> web.Response:
        """The text format of Prometheus."""
        body = await self._metrics.render(self._house)
        return web.Response(body=body, headers={**FIXED_HEADERS, "Content-Type": METRICS_TYPE})

    async def openapi(self, call: Call) -> dict[str, Any]:
        """Made from the table of routes and the wire shapes."""
        return dict(self._document())

    async def status(self, call: Call) -> dict[str, Any]:
        """State, reasons, pid, version, start, listeners."""
        return dict(await self._house.status())

    async def check(self, call: Call) -> CheckOut:
        """Each has ten seconds; all are asked at once."""
        return CheckOut(items=[CheckItem.model_validate(item) for item in await self._house.check()])

    async def config(self, call: Call) -> ConfigOut:
        """Secrets appear as references only."""
        loaded = self._house.loaded
        items = [SettingOut(key=key, value=value, origin=origin) for key, value, origin in self._show()]
        return ConfigOut(file=str(loaded.file) if loaded.file else None, items=items, warnings=list(loaded.warnings))

    async def plugins(self, call: Call) -> PluginList:
        """What was found, and what became of it."""
        registry = self._house.registry
        return PluginList(
            items=[PluginOut.model_validate(record) for record in registry.records],
            instances=[InstanceOut.model_validate(record) for record in registry.instances.values()],
        )

    async def stop(self, call: Call) -> Done:
        """Answered first; the end begins a moment later."""
        asyncio.get_running_loop().call_soon(self._house.stop, "asked to over the control socket")
        return Done(message="leadd stops")

    def _prompt_figures(self) -> dict[str, Any]:
        prompts = self._house.prompts.in_force()
        versions = {name: f"{info.version} ({info.content_hash[:8]})" for name, info in prompts.items()}
        return {"template_count": len(prompts), "templates": versions}

    async def _probe(self, limit_s: float) -> str:
        """'' where a write went through in time, else what is wrong."""
        try:
            async with asyncio.timeout(limit_s):
                await self._house.store.db.probe()
        except TimeoutError:
            return f"a write took more than {limit_s:.0f} s"
        except Exception as error:
            return str(error) or type(error).__name__
        return ""
