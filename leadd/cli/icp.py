"""`leadd icp …`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from leadd.cli import names
from leadd.cli.client import Client
from leadd.cli.exits import Ended, NotRunning
from leadd.cli.groups import Listing
from leadd.cli.output import confirm, json_option, print_json, say, table, tell

FORM = """\
# An ideal customer profile. Say it in plain words; what you do not want may stand there too ("not agencies, no internships").
name: NAME
description: |-
  Small companies that ...
# Job titles that they hire for when they need you, and words for what hurts them.
hiring_keywords: {values: []}
pain_keywords: {values: []}
# use: score ranks by it, filter drops who clearly is another.
sizes: {values: [], use: score}
locations: {values: [], use: score}
# Words that rule a text out.
exclude_keywords: {values: [], use: exclude}
"""
CHANGED = "'{}' is changed; signals judged before keep their judgements"


@click.group(cls=Listing)
def icp() -> None:
    """Show and change your ideal customer profiles."""


@icp.command("list")
@json_option
def list_icps(as_json: bool) -> None:
    """The ICPs, and the templates that you can start from."""
    found = Client().get("/api/icp/")
    if as_json:
        print_json(found)
        return
    rows = [
        (i["id"], i["icp"]["name"], "on" if i["icp"]["enabled"] else "off",
         ("(shipped template) " if i["stand_in"] else "") + i["icp"]["description"])
        for i in found["items"]
    ]  # fmt: skip
    table(("id", "name", "", "description"), rows, wide=(3,))
    say(f"templates: {', '.join(found['templates'])}  (leadd icp add --template NAME)")


@icp.command()
@click.argument("name", shell_complete=names.icps)
@json_option
def show(name: str, as_json: bool) -> None:
    """One ICP as YAML, ready to be edited and given back with `icp edit`, and what its words stand for."""
    found = _find(Client(), name)
    if as_json:
        print_json(found)
        return
    for line in _yaml(found["icp"]).splitlines():
        say(line)
    from leadd.cli.expansion import told

    for line in told(Client().get(f"/api/icp/{found['id']}/expansion")):
        say(f"# {line}")


@icp.command()
@click.argument("name", required=False)
@click.option("--file", "file", type=click.Path(), help="A YAML or JSON file with the ICP; - reads standard input.")
@click.option("--template", shell_complete=names.templates, help="Start from a shipped template.")
@click.option("--description", help="Whom you serve, in plain words.")
@click.option("--hiring", multiple=True, help="A word of the roles they hire (again for more).")
@click.option("--pain", multiple=True, help="A word of the pain they have (again for more).")
@click.option("--exclude", multiple=True, help="A word that rules a text out (again for more).")
@click.option("--editor", is_flag=True, help="Write it in your editor, on a form.")
def add(
    name: str | None, file: str | None, template: str | None, description: str | None, hiring: tuple[str, ...],
    pain: tuple[str, ...], exclude: tuple[str, ...], editor: bool,
) -> None:  # fmt: skip
    """Add an ICP: from a file, from a template, in your editor, or from what you answer here."""
    if template and (file or description or hiring or pain or exclude or name or editor):
        raise click.UsageError("--template stands alone; change what came of it with: leadd icp edit NAME")
    client = Client()
    if editor:
        if file or description or hiring or pain or exclude:
            raise click.UsageError("--editor takes a NAME at most; the rest is on its form")
        _add_in_editor(client, name)
        return
    body = {"template": template} if template else _read(file) if file else _said(name, description, hiring, pain, exclude)
    if name:
        body["name"] = name
    try:
        made = client.post(f"/api/icp/templates/{template}") if template else client.post("/api/icp/", body)
    except NotRunning:
        _leave_for_start(client, body)
        return
    _added(client, made)


def _added(client: Client, made: dict[str, Any]) -> None:
    """Say it, and have its words spelt out; the ICP stands whatever comes of that."""
    from leadd.cli.expansion import told

    name = made["icp"]["name"]
    say(f"added '{name}' (id {made['id']})")
    place = f"/api/icp/{made['id']}/expansion"
    try:
        found = _spell_out(client, place, again=False)
    except Ended as error:
        tell(f"its words are spelt out by the shipped table only: {error.message}")
        found = client.get(place)
    for line in told(found):
        say(line)
    say(f"to change these words: leadd icp expand {name} --edit")


def _spell_out(client: Client, place: str, *, again: bool) -> dict[str, Any]:
    """Ask for it and wait for the model, however long it takes; nothing is lost where the user does not."""
    before = client.get(place)
    if not before["waits_for"] and (again or before["by"] == "table"):
        tell("the language model is asked for more words; this may take a minute")
    found: dict[str, Any] = client.post(place, {"again": again}, timeout_s=None)
    return found


def _add_in_editor(client: Client, name: str | None) -> None:
    text = click.edit(FORM.replace("NAME", name or "my-customers"), extension=".yaml")
    if text is None:
        say("nothing was added")
        return
    try:
        made = client.post("/api/icp/", _parse(text, "your text"))
    except Ended as error:
        raise Ended(error.message, hint=f"your text is kept: leadd icp add --file {_keep(text)}") from None
    _added(client, made)


def _leave_for_start(client: Client, body: dict[str, Any]) -> None:
    """Write the ICP where the next start takes it in, so that no signal is judged before it counts."""
    import os

    from leadd.config.paths import make_private_folder
    from leadd.daemon.icp_files import folder_of, read_icp

    try:
        name = read_icp(body).name
    except ValueError as error:
        raise Ended(f"this is no ICP: {error}", hint="leadd icp add --help shows what it takes") from None
    folder = folder_of(client.paths.config_file)
    make_private_folder(folder)
    fd = os.open(folder / f"{name}.yaml", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as out:
        out.write(_yaml(body))
    say(f"'{name}' is taken in when the daemon starts ({folder / f'{name}.yaml'})")


@icp.command()
@click.argument("name", shell_complete=names.icps)
@click.option("--file", "file", type=click.Path(), help="A YAML or JSON file; without it your editor opens.")
def edit(name: str, file: str | None) -> None:
    """Change an ICP in your editor, or take it from a file."""
    client = Client()
    found = _find(client, name)
    if file:
        body = _read(file)
    else:
        text = click.edit(_yaml(found["icp"]), extension=".yaml")
        if text is None:
            say("nothing was changed")
            return
        try:
            _put(client, found["id"], _parse(text, "your text"))
        except Ended as error:
            raise Ended(error.message, hint=f"your text is kept: leadd icp edit {name} --file {_keep(text)}") from None
        say(CHANGED.format(found["icp"]["name"]))
        return
    _put(client, found["id"], body)
    say(CHANGED.format(found["icp"]["name"]))


def _put(client: Client, icp_id: int, body: dict[str, Any]) -> None:
    client.ask("PUT", f"/api/icp/{icp_id}", body=body)


def _keep(text: str) -> str:
    """An edited text that was refused, in a file: half an hour of thought must not end in an error message."""
    import tempfile

    with tempfile.NamedTemporaryFile("w", prefix="leadd-icp-", suffix=".yaml", delete=False, encoding="utf-8") as file:
        file.write(text)
    return file.name


@icp.command()
@click.argument("name", shell_complete=names.icps)
@click.option("--edit", "edits", is_flag=True, help="Change the words in your editor.")
@click.option("--file", "file", type=click.Path(), help="Take the words from a YAML or JSON file; - reads standard input.")
@click.option("--reset", is_flag=True, help="Drop your edits and spell the words out anew.")
@json_option
def expand(name: str, edits: bool, file: str | None, reset: bool, as_json: bool) -> None:
    """What the words of an ICP stand for: the words that signals are searched for, each with its weight.

    The shipped table spells them out; where there is a language model, it is asked once for a wording and adds its own.
    """
    from leadd.cli.expansion import editable, told

    if edits + reset + (file is not None) > 1:
        raise click.UsageError("--edit, --file and --reset: one of them only")
    client = Client()
    found = _find(client, name)
    place = f"/api/icp/{found['id']}/expansion"
    if file is not None:
        spelt = client.ask("PUT", place, body=_read(file))
    elif edits:
        text = click.edit(editable(client.get(place)), extension=".yaml")
        if text is None:
            say("nothing was changed")
            return
        try:
            spelt = client.ask("PUT", place, body=_parse(text, "your text"))
        except Ended as error:
            raise Ended(error.message, hint=f"your text is kept: leadd icp expand {name} --file {_keep(text)}") from None
    else:
        spelt = _spell_out(client, place, again=reset)
    if as_json:
        print_json(spelt)
        return
    for line in told(spelt, most=None):
        say(line)


@icp.command()
@click.argument("name", shell_complete=names.icps)
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(name: str, yes: bool) -> None:
    """Delete an ICP; its leads stay."""
    client = Client()
    found = _find(client, name)
    confirm(f"Delete the ICP '{found['icp']['name']}'?", yes)
    client.ask("DELETE", f"/api/icp/{found['id']}")
    say(f"'{found['icp']['name']}' is deleted; its leads stay")


def _find(client: Client, name: str) -> dict[str, Any]:
    items: list[dict[str, Any]] = client.get("/api/icp/")["items"]
    for item in items:
        if item["icp"]["name"] == name or str(item["id"]) == name:
            return item
    known = ", ".join(i["icp"]["name"] for i in items)
    raise Ended(f"there is no ICP '{name}'", hint=f"there are: {known}")


def _said(
    name: str | None, description: str | None, hiring: tuple[str, ...], pain: tuple[str, ...], exclude: tuple[str, ...]
) -> dict[str, Any]:
    if not sys.stdin.isatty() and not (name and description):
        raise click.UsageError("give a NAME and --description, or --file, or --template")
    body: dict[str, Any] = {
        "name": name or click.prompt("Name (letters, digits, - and _)"),
        "description": description or click.prompt("Whom do you serve, and which need do you look for?"),
    }
    asked = not (hiring or pain) and sys.stdin.isatty()
    if asked:
        say("The rest may stay empty; words are parted by commas.")
    for key, values, question in (
        ("hiring_keywords", hiring, "Whom do they hire when they need you? (job titles)"),
        ("pain_keywords", pain, "What hurts them? (words that they use)"),
        ("sizes", (), "How large are they? (such as 1-20)"),
        ("locations", (), "Where are they? (countries, cities, remote)"),
        ("exclude_keywords", exclude, "What never? (words that rule a text out)"),
    ):
        words = list(values)
        if asked:
            words = [w.strip() for w in click.prompt(question, default="", show_default=False).split(",") if w.strip()]
        if words:
            body[key] = {"values": words, "use": "exclude" if key == "exclude_keywords" else "score"}
    return body


def _read(file: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise Ended(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Ended(f"{file} cannot be read: it is not UTF-8") from None
    return _parse(text, file)


def _parse(text: str, place: str) -> dict[str, Any]:
    import yaml

    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise Ended(f"{place}{line}: this is no YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(data, dict):
        raise Ended(f"{place}: an ICP is a list of keys with values", hint="leadd icp show NAME prints one")
    return data


def _yaml(icp: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(icp, allow_unicode=True, sort_keys=False, width=110)
