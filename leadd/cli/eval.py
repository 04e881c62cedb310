"""`leadd eval`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from leadd.cli import names
from leadd.cli.exits import Ended
from leadd.cli.output import json_option, print_json, say, table

if TYPE_CHECKING:
    from leadd.bench.crossing import Meaning
    from leadd.bench.evaluation import Evaluation
    from leadd.learn.words.expansion import Expansion


@click.command("eval")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--label", required=True, help="The field that says whether a row is wanted: true, false, or null for unknown.")
@click.option("--icp", "icp_name", shell_complete=names.icps, help="One of your ICPs; this one option asks the daemon.")
@click.option(
    "--template", shell_complete=names.templates, help="A shipped template (without any of the three: the default one)."
)
@click.option("--sentence", help="An ICP as one plain sentence.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Write the curve to this .svg or .png file.")
@json_option
def eval_(
    file: Path, label: str, icp_name: str | None, template: str | None, sentence: str | None, plot: Path | None, as_json: bool
) -> None:  # fmt: skip
    """Measure how well leadd chooses among the signals of FILE, whose answers are known.

    FILE is JSONL or CSV (also .gz) with title, text, company and the label. Nothing of it is stored, nothing leaves this
    machine. Intervals are 95%, drawn over companies.
    """
    from leadd.bench.evaluation import evaluate
    from leadd.bench.labelled_file import FileInvalid, read_labelled
    from leadd.learn.words.expansion import expand

    if sum(choice is not None for choice in (icp_name, template, sentence)) > 1:
        raise click.UsageError("--icp, --template and --sentence: one of them only")
    pyplot = _drawing(plot)
    expansion = expand(sentence) if sentence else _expansion(icp_name, template)
    try:
        found = read_labelled(file, label)
        result = evaluate(found.signals, expansion)
    except FileInvalid as error:
        raise Ended(str(error)) from None
    except ValueError as error:
        raise Ended(f"{file.name}: {error}") from None
    if plot is not None:
        _draw(result, plot, f"{label} in {file.name}", pyplot)
    if as_json:
        print_json({"label": label, "unknown": found.unknown, **result.as_dict()})
        return
    _tell(result, label, found.unknown)
    if plot is not None:
        say(f"the curve is in {plot}")


eval = eval_
"""By this name the table of commands finds it."""


def _expansion(name: str | None, template: str | None) -> Expansion:
    """That of one of the user's ICPs as it counts now, edits and all; else that of a template by the shipped table."""
    from leadd.core.icp_templates import DEFAULT_TEMPLATE, TEMPLATES
    from leadd.learn.words.expansion import Expansion, expand_icp

    if name:
        from leadd.cli.client import Client

        client = Client()
        items = client.get("/api/icp/")["items"]
        for item in items:
            if item["icp"]["name"] == name:
                found = client.get(f"/api/icp/{item['id']}/expansion")
                return Expansion.from_data({key: found[key] for key in ("functions", "rivals", "terms")})
        raise Ended(f"there is no ICP '{name}'", hint=f"there are: {', '.join(i['icp']['name'] for i in items)}")
    shipped = TEMPLATES.get(template or DEFAULT_TEMPLATE)
    if shipped is None:
        raise Ended(f"there is no template '{template}'", hint=f"there are: {', '.join(TEMPLATES)}")
    return expand_icp(shipped)


def _drawing(plot: Path | None) -> Any:
    """What a PNG is drawn with, None for SVG; checked before the work is done."""
    if plot is None or plot.suffix == ".svg":
        return None
    if plot.suffix != ".png":
        raise click.UsageError(f"--plot {plot}: a name that ends in .svg or .png is needed")
    try:
        importlib.import_module("matplotlib").use("agg")
        return importlib.import_module("matplotlib.pyplot")
    except ImportError:
        raise Ended("a PNG needs matplotlib, which is not installed", hint="write an SVG: --plot FILE.svg") from None


def _draw(result: Evaluation, plot: Path, title: str, pyplot: Any) -> None:
    from leadd.bench.picture import png, svg

    if pyplot is None:
        plot.write_text(svg(result.ways, title), encoding="utf-8")
    else:
        png(result.ways, title, plot, pyplot)


def _tell(result: Evaluation, label: str, unknown: int) -> None:
    left_out = f"; {unknown} without that label are left out" if unknown else ""
    say(f"{label}: {result.signals} signals of {result.companies} companies, {result.wanted} wanted{left_out}")
    rows = []
    for way in result.ways:
        for name, figure in way.figures.items():
            rows.append((way.name, name, f"{figure.value:.3f}", f"{figure.low:.3f} to {figure.high:.3f}"))
    table(("chosen by", "figure", "value", "95% interval"), rows, numbers=(2,))
    say("recall and precision are those at the threshold that keeps 95% of the wanted, known afterwards;")
    say("fixed beforehand: on four fifths of the companies, for the others; with a margin: 95% recall with 95% confidence")
    for way in result.ways:
        if way.meaning is not None:
            _tell_meaning(way.name, way.meaning)


def _tell_meaning(name: str, meaning: Meaning) -> None:
    say()
    say(f"{name}: what its probabilities mean (calibrated on other companies); expected error {meaning.error:.3f}")
    table(
        ("probability", "said", "found", "95% interval", "signals"),
        [
            (f"{b.low:.0%} to {b.high:.0%}", f"{b.said:.3f}", f"{b.found:.3f}", f"{b.found_low:.3f} to {b.found_high:.3f}",
             f"{b.weight:.0f}")
            for b in meaning.bins
        ],
        numbers=(1, 2, 4),
    )  # fmt: skip
    table(
        ("bucket", "wanted", "95% interval", "signals"),
        [(b.name, f"{b.wanted:.3f}", f"{b.low:.3f} to {b.high:.3f}", f"{b.weight:.0f}") for b in meaning.buckets],
        numbers=(1, 3),
    )
