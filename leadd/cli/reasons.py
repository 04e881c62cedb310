"""Judgements in words, for `leads why` and `signals why`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leadd.cli.client import Client
from leadd.cli.output import say


def show_judgements(judgements: Sequence[dict[str, Any]], icps: Mapping[int, str]) -> None:
    """Each judgement in one or two lines: stage, decision, what it stands on; under its ICP's name where there are several."""
    ids = list(dict.fromkeys(row.get("icp_id") for row in judgements))
    for icp_id in ids:
        if len(ids) > 1:
            say(f"  ICP {icps.get(icp_id or 0, f'{icp_id} (deleted)')}:")
        _show([row for row in judgements if row.get("icp_id") == icp_id])


def icp_names(client: Client) -> dict[int, str]:
    """The ICPs' names by id."""
    return {item["id"]: item["icp"]["name"] for item in client.get("/api/icp/")["items"]}


def _show(judgements: Sequence[dict[str, Any]]) -> None:
    for row in judgements:
        gone = " (superseded)" if row.get("superseded") else ""
        say(f"  {row['stage']}: {row['decision']}{_score(row)}{_asked(row)}{gone}")
        if row.get("failure"):
            say(f"    failed: {row['failure']}")
        for reason in reasons_of(row):
            say(f"    {reason}")
        rests = row.get("answer") or {}
        if rests.get("certificate"):
            say(f"    rests on {rests['certificate']}, scored by {rests['scorer']}; {rests['points']:g} points by the rules")
        shown = row.get("shown")
        if shown:
            told = f"{shown['kept']} of {shown['chars']} characters, {_places(shown['gaps'])} left out"
            say(f"    the model was shown {told}")


def reasons_of(row: dict[str, Any]) -> list[str]:
    """Why a judgement came out as it did: its reasons, else what the answer itself says."""
    said = list(row.get("reasons") or ())
    own = (row.get("answer") or {}).get("reason")
    return said or ([str(own)] if own else [])


def _places(count: int) -> str:
    return f"{count} place{'s' if count != 1 else ''}"


def _score(row: dict[str, Any]) -> str:
    if row.get("score") is None:
        return ""
    limit = f", threshold {row['threshold']:g}" if row.get("threshold") is not None else ""
    rule = f", rule {row['rule']}" if row.get("rule") else ""
    return f" (score {row['score']:g}{limit}{rule})"


def _asked(row: dict[str, Any]) -> str:
    if not row.get("prompt") and not row.get("model"):
        return ""
    parts = [row["method"]]
    parts += [row[k] for k in ("model", "prompt") if row.get(k)]
    if row.get("digest"):
        parts.append(f"digest {row['digest'][:12]}")
    if row.get("cache"):
        parts.append(f"cache {row['cache']}")
    if row.get("total_ms"):
        parts.append(f"{row['total_ms']:.0f} ms")
    if (row.get("wait_ms") or 0) >= 1:
        parts.append(f"waited {row['wait_ms']:.0f} ms")
    if row.get("instead_of"):
        parts.append(f"in place of {row['instead_of']}")
    return f" [{', '.join(parts)}]"
