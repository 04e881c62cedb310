"""Reads a settings file strictly and remembers where everything stands.

Plain YAML keeps the last of two equal keys silently, reads 1:30 as 90 and `no` as false. Here equal keys are an error that
names both lines, and only true, false, null and plain decimal numbers are anything but text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from leadd.api.diagnosis import Loc, dotted

MAX_BYTES = 1_048_576
_TAG = "tag:yaml.org,2002:"
_BARE_REFERENCE = re.compile(r"^(?:env|file|keyring):\S")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; both numbers count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says. `keys` and `values` tell where the key and the value of each place in `tree` stand."""

    tree: dict[str, Any] = field(default_factory=dict)
    keys: dict[Loc, Mark] = field(default_factory=dict)
    values: dict[Loc, Mark] = field(default_factory=dict)


class DocumentError(Exception):
    """A file that is no settings document; the message repeats nothing of its content but keys."""

    def __init__(self, mark: Mark, message: str, *, key: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.mark = mark
        self.message = message
        self.key = key
        self.hint = hint


class _Loader(yaml.SafeLoader):
    """A loader whose words mean what they say."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - filled below, per class

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            raise DocumentError(_mark(event.start_mark), "aliases (*name) are not read here", hint="write the value out again")
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


_Loader.add_implicit_resolver(f"{_TAG}null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(f"{_TAG}bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
# 007 stays text: it is an account number or a mistake, never the number seven.
_Loader.add_implicit_resolver(f"{_TAG}int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    f"{_TAG}float",
    re.compile(r"^[-+]?(?:(?:0|[1-9][0-9]*)?\.[0-9]+|(?:0|[1-9][0-9]*)\.|(?:0|[1-9][0-9]*)(?=[eE]))(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)

_SCALARS: dict[str, Callable[[str], Any]] = {
    f"{_TAG}str": str,
    f"{_TAG}null": lambda text: None,
    f"{_TAG}bool": lambda text: text.lower() == "true",
    f"{_TAG}int": int,
    f"{_TAG}float": float,
}


def read_document(raw: bytes) -> Document:
    """The document in `raw`; an empty one where there is nothing but comments. Raises DocumentError."""
    if len(raw) > MAX_BYTES:
        raise DocumentError(Mark(1, 1), f"the file is larger than {MAX_BYTES // 1024} KiB")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DocumentError(Mark(line, 1), "the file is not UTF-8", hint="save it as UTF-8") from None
    document = Document()
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None or node.tag == f"{_TAG}null":
            return document
        if not isinstance(node, yaml.MappingNode):
            raise DocumentError(_mark(node.start_mark), "the file must hold `key: value` lines")
        document.tree.update(_build(node, (), document))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        tab = "\\t" in (error.problem or "")
        hint = "indent with spaces, not with tabs" if tab else ""
        raise DocumentError(_mark(mark) if mark else Mark(1, 1), f"not YAML: {error.problem}", hint=hint) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise DocumentError(Mark(line, 1), "a character that YAML does not allow") from None
    except RecursionError:
        raise DocumentError(Mark(1, 1), "nested too deeply") from None
    return document


def _mark(mark: yaml.Mark) -> Mark:
    return Mark(mark.line + 1, mark.column + 1)


def _build(node: yaml.Node, loc: Loc, document: Document) -> Any:
    document.values[loc] = _mark(node.start_mark)
    if isinstance(node, yaml.MappingNode):
        if node.tag != f"{_TAG}map":
            raise DocumentError(_mark(node.start_mark), f"the tag {node.tag} is not read here", key=dotted(loc))
        return _reference(node) or _mapping(node, loc, document)
    if isinstance(node, yaml.SequenceNode):
        if node.tag != f"{_TAG}seq":
            raise DocumentError(_mark(node.start_mark), f"the tag {node.tag} is not read here", key=dotted(loc))
        return [_build(item, (*loc, at), document) for at, item in enumerate(node.value)]
    convert = _SCALARS.get(node.tag)
    if convert is None:
        raise DocumentError(_mark(node.start_mark), f"the tag {node.tag} is not read here", key=dotted(loc))
    try:
        return convert(node.value)
    except ValueError:  # `!!int abc`, or a number of thousands of digits
        raise DocumentError(_mark(node.start_mark), "not the kind of value that its tag names", key=dotted(loc)) from None


def _mapping(node: yaml.MappingNode, loc: Loc, document: Document) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for key_node, value_node in node.value:
        place = _mark(key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            raise DocumentError(place, "a key must be one word", key=dotted(loc))
        key = key_node.value
        here: Loc = (*loc, key)
        if key in built:
            first = document.keys[here].line
            raise DocumentError(
                place,
                f"the key stands twice, in lines {first} and {place.line}",
                key=dotted(here),
                hint="join the two or delete one",
            )
        document.keys[here] = place
        built[key] = _build(value_node, here, document)
    return built


def _reference(node: yaml.MappingNode) -> str | None:
    """The secret reference {env:NAME} written without quotes, which YAML takes for a mapping with one empty value."""
    if not node.flow_style or len(node.value) != 1:
        return None
    key, value = node.value[0]
    if isinstance(key, yaml.ScalarNode) and value.tag == f"{_TAG}null" and _BARE_REFERENCE.match(key.value):
        return f"{{{key.value}}}"
    return None
