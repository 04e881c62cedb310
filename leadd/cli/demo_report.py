"""What came of the demo: leads, what is no lead, and why."""

from __future__ import annotations

from typing import Any

from leadd.cli.client import Client
from leadd.cli.leads import first_reason, plain
from leadd.cli.output import say, table
from leadd.cli.reasons import reasons_of

EXAMPLES = 3
GROUPS = {
    "score": "hold too little of what the ICP looks for; no model was asked (prefilter)",
    "too_short": "are too short to say anything; no model was asked (prefilter)",
    "triage": "did not get past the first, quick look (triage)",
    "classify": "were read in full and do not fit the ICP (classification)",
}


def collect(client: Client) -> dict[str, Any]:
    """Leads that lists show, leads too weak for that, and every signal that is no lead with the reason."""
    found = client.get("/api/leads/", bucket="parked", limit=500)["items"]
    signals = [
        _no_lead(client, s)
        for outcome in ("filtered", "parked", "held")
        for s in client.get("/api/signals", outcome=outcome, limit=500)["items"]
    ]
    return {
        "leads": [lead for lead in found if lead["bucket"] != "parked"],
        "weak": [lead for lead in found if lead["bucket"] == "parked"],
        "no_leads": [s for s in signals if s is not None],
        "outcomes": client.get("/api/status")["outcomes"],
    }


def _no_lead(client: Client, signal: dict[str, Any]) -> dict[str, Any] | None:
    """Why a signal is no lead, or None where it belongs to one."""
    rows = [r for r in client.get(f"/api/signals/{signal['id']}/why")["judgements"] if not r.get("superseded")]
    if any(r["stage"] == "classify" and r["decision"] == "match" for r in rows):
        return None
    last = next((r for r in reversed(rows) if r["stage"] != "score"), {"stage": signal["outcome"]})
    return {
        "id": signal["id"],
        "title": signal["title"] or signal["text"][:60],
        "company": signal["company"],
        "outcome": signal["outcome"],
        "stage": last["stage"],
        "rule": last.get("rule") or last["stage"],
        "reason": (reasons_of(last) or [(last.get("answer") or {}).get("reason_short") or ""])[0],
    }


def show(found: dict[str, Any]) -> None:
    """The demo's report for a person."""
    say()
    say(f"Leads ({len(found['leads'])}), judged by {found['judged_by']}")
    say()
    rows = [
        (lead["score"], lead["bucket"].replace("_", " "), lead["name"], lead["signal_count"], plain(_why(lead)))
        for lead in found["leads"]
    ]
    table(("score", "bucket", "who", "signals", "why"), rows, wide=(4,), numbers=(0, 3))
    if found["weak"]:
        say()
        weak = ", ".join(f"{lead['name']} ({lead['score']})" for lead in found["weak"])
        say(f"Parked, too weak to be shown each morning: {weak}")
    say()
    say(f"No leads ({len(found['no_leads'])} signals), and why")
    for rule in dict.fromkeys((*GROUPS, *(s["rule"] for s in found["no_leads"]))):
        group = [s for s in found["no_leads"] if s["rule"] == rule]
        if not group:
            continue
        say(f"  {len(group):>3} {GROUPS.get(rule, rule)}")
        for s in group[:EXAMPLES]:
            say(f"        {_short(s['title'], 60)}" + (f": {_short(plain(s['reason']), 100)}" if s["reason"] else ""))
        if len(group) > EXAMPLES:
            say(f"        and {len(group) - EXAMPLES} more")
    say()
    say(f"{found['delivered']} leads were delivered to the file of the demo's sink.")
    if found["language_model"] is None:
        say("No language model judged these. With Ollama running, leadd asks it instead, and it writes dossiers too.")


def _short(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[: chars - 1] + "…"


def _why(lead: dict[str, Any]) -> str:
    return first_reason({**lead, "method": "model"})  # which judge it was stands above the table
