"""`leadd bench …`: measurements; nothing of the user's own home is touched."""

from __future__ import annotations

from pathlib import Path

import click

from leadd.bench import WAY_NAMES
from leadd.cli.exits import FAILED, Ended
from leadd.cli.output import json_option, print_json, tell

COUNT = 100


@click.group()
def bench() -> None:
    """Measure what leadd makes of a machine; nothing of yours is read or changed."""


@bench.command()
@click.option(
    "--signals",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="JSONL with text, title, company, location (default: signals made by rule).",
)
@click.option("--label", default="", help="What holds the truth in FILE: a key that is true or false.")
@click.option("--url", default="", help="A real Ollama; without it, a faithful fake with stated rates.")
@click.option("-n", "--count", type=click.IntRange(1, 100_000), default=COUNT, show_default=True, help="How many signals.")
@click.option(
    "--scale",
    type=click.FloatRange(0, min_open=True),
    default=0.5,
    show_default=True,
    help="Real seconds for one second of the fake server; fewer are quicker and less exact.",
)
@click.option(
    "--slots", type=click.IntRange(1, 64), default=2, show_default=True, help="Answers at one time on the fake server."
)
@click.option("--only", multiple=True, type=click.Choice(WAY_NAMES), help="Measure this way only (may be repeated).")
@click.option("--triage-model", default="gemma3:1b", show_default=True, help="Model for triage, and of the earlier system.")
@click.option("--classify-model", default="", help="Model for classification (default: the same).")
@click.option("--seed", type=int, default=1, show_default=True, help="Other signals.")
@json_option
def inference(
    file: Path | None, label: str, url: str, count: int, scale: float, slots: int, only: tuple[str, ...], triage_model: str,
    classify_model: str, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Compare leadd with how an earlier system asked the same models about the same signals.

    The earlier system paid for one whole answer for every signal. Without --url the models are a faithful fake Ollama in a
    process of its own, with stated rates and one stated judge for all ways; takes about four minutes. The prefilter goes by
    points (prefilter.mode: fixed): a promise is learnt over weeks.
    """
    from leadd.bench.machine import Machine
    from leadd.bench.report import as_dict, lines
    from leadd.bench.rig import Stalled
    from leadd.bench.signals import make_signals, read_signals
    from leadd.bench.ways import WAYS, Plan, run_way

    try:
        signals = read_signals(file, label, count=count) if file else make_signals(count, seed=seed)
    except ValueError as error:
        raise Ended(f"{file}: {error}") from None
    if not signals:
        raise Ended(f"{file} holds no signals" + (f" with the label '{label}'" if label else ""))
    plan = Plan(signals, Machine(slots=slots, scale=scale), url, triage_model, classify_model or triage_model, seed=seed)
    chosen = [way for way in WAYS if (way.name in only if only else way.anywhere or not plan.is_real)]
    figures = {}
    for way in chosen:
        tell(f"measuring: {way.title} …")
        try:
            figures[way.name] = run_way(way, plan)
        except (Stalled, OSError) as error:
            raise Ended(f"{way.title}: {error or 'no answer in time'}", code=FAILED) from None
    if as_json:
        print_json(as_dict(plan, chosen, figures))
        return
    for line in lines(plan, chosen, figures):
        click.echo(line)
