"""Names that the shell can complete; without a daemon there are none, and nobody is told."""

from __future__ import annotations

from typing import Any

import click

from leadd.cli.client import Client
from leadd.cli.exits import Ended

LIMIT_S = 1.0


def sources(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of sources."""
    return _starting(incomplete, [s["name"] for s in _items("/api/sources")])


def sinks(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of sinks."""
    return _starting(incomplete, [s["name"] for s in _items("/api/sinks")])


def icps(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of ICPs."""
    return _starting(incomplete, [i["icp"]["name"] for i in _items("/api/icp/")])


def templates(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of shipped ICP templates."""
    return _starting(incomplete, _ask("/api/icp/").get("templates", []))


def models(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of the models that roles are given to."""
    servers = _ask("/api/classify/metrics").get("ollama", {}).get("health", [])
    return _starting(incomplete, [m["model"] for server in servers for m in server.get("models", ())])


def prompts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of prompts."""
    return _starting(incomplete, [p["name"] for p in _items("/api/prompts")])


def experiments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of experiments."""
    return _starting(incomplete, [e["name"] for e in _items("/api/experiments")])


def _items(path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _ask(path).get("items", [])
    return found


def _ask(path: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = Client().ask("GET", path, timeout_s=LIMIT_S)
    except Ended:
        return {}
    return found


def _starting(incomplete: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
