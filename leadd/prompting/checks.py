"""What a prompt file must fulfil before it is used. A mistake is found at load, with its line, never at the first signal."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from leadd.prompting.prompts import PromptInfo, PromptProblem
from leadd.prompting.reading import PromptFile
from leadd.prompting.schemas import enums_in, flaws, needed_max_tokens, one_of, variables_in
from leadd.prompting.templates import PLACE, SIGNAL, Template, Variable, as_type, content_hash

_ICP = frozenset({"icp_name", "icp_description", "icp_fields", "size_buckets", "regions", "role_types", "pain_tags"})
PASSED: Mapping[str, frozenset[str]] = {
    "triage": _ICP, "classification": _ICP, "dossier": _ICP | {"lead"}, "expansion": frozenset(),
}  # fmt: skip
"""The variables that leadd passes to each prompt that it asks with."""

LISTS = frozenset({"size_buckets", "regions", "role_types", "pain_tags"})
TYPES = ("text", "list", "number")
KEYS = ("name", "version", "variables", "labels", "schema", "options", "max_tokens", "notes", "body", "$schema")
OPTIONS: Mapping[str, type] = {
    "temperature": float, "top_k": int, "top_p": float, "min_p": float, "typical_p": float, "seed": int,
    "repeat_penalty": float, "repeat_last_n": int, "presence_penalty": float, "frequency_penalty": float,
}  # fmt: skip
RUNNER_OPTIONS = frozenset(
    {"num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict", "shift"}
)
VARIES = frozenset({"lead"})
"""Variables that are others for every signal. All others are the same for all signals of an ICP."""
MOST_BEHIND_VARYING = 120
REUSED_TOKENS: Mapping[str, tuple[int, str]] = {
    "triage": (900, "gemma3:1b"), "classification": (1400, "gemma3:4b"), "dossier": (1400, "gemma3:4b"),
}  # fmt: skip
"""The soft total of one call (prompt and answer) for the model that usually plays the role; see docs/models."""
USUAL_CHARS: Mapping[str, int] = {
    "icp_name": 20, "icp_description": 300, "icp_fields": 350, "size_buckets": 35, "regions": 45, "role_types": 60,
    "pain_tags": 110, "lead": 600,
}  # fmt: skip
SHORT_TEXT_CHARS = 240
CHARS_PER_TOKEN = 3.5
EXPECTED_OF_CAP = 0.25
"""What an answer usually takes of its cap."""

MOST_TOKENS = 8192
MOST_BODY = 20_000
MOST_LABELS = 10
LABEL = re.compile(r"^[^\W_]{1,16}$")
"""A label is one short word: servers show the probabilities of single tokens."""


class Check:
    """One file on its way to a template; collects problems and warnings."""

    def __init__(self, file: PromptFile) -> None:
        self.file = file
        self.problems: list[PromptProblem] = []
        self.warnings: list[PromptProblem] = []

    def template(self, *, builtin: bool) -> Template | None:
        """The compiled prompt, or None where there are problems."""
        self._keys()
        version = self._version()
        variables = self._variables()
        labels = self._labels()
        schema = self._schema(variables, labels)
        options = self._options()
        body = self._body(variables)
        max_tokens = self._max_tokens(schema)
        self._used(variables, schema)
        self._constant_stays_constant(body)
        self._fits_the_model(body, max_tokens)
        if self.problems:
            return None
        hashed = content_hash(body, variables, schema, options, max_tokens, labels)
        info = PromptInfo(self.file.name, version, hashed, str(self.file.path), builtin)
        line = self.file.line_of("version")
        return Template(info, body, variables, schema, options, max_tokens, labels, self.file.text, line)

    def _wrong(self, reason: str, *loc: str | int, line: int | None = None) -> None:
        self.problems.append(self.file.problem(reason, *loc, line=line))

    def _warn(self, reason: str, *loc: str | int, line: int | None = None) -> None:
        self.warnings.append(self.file.problem(reason, *loc, line=line))

    def _keys(self) -> None:
        for key in self.file.values:
            if key not in KEYS:
                self._wrong(f"unknown key '{key}'{nearest(key, KEYS)}", key)
        name = self.file.values.get("name", self.file.name)
        if name != self.file.name:
            self._wrong(f"the name is '{name}', but the file or its folder is called '{self.file.name}'", "name")
        if self.file.name not in PASSED:
            self._warn(f"leadd asks with no prompt of the name '{self.file.name}'{nearest(self.file.name, PASSED)}", "name")

    def _version(self) -> int:
        version = self.file.values.get("version", 1)
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            self._wrong("`version` is a whole number from 1", "version")
            return 1
        return version

    def _variables(self) -> dict[str, Variable]:
        declared = self.file.values.get("variables") or {}
        if not isinstance(declared, Mapping):
            self._wrong("`variables` is a mapping of names to {type: text, list or number}", "variables")
            return {}
        found: dict[str, Variable] = {}
        for name, given in declared.items():
            variable = self._variable(str(name), given)
            if variable is not None:
                found[variable.name] = variable
        return found

    def _variable(self, name: str, given: Any) -> Variable | None:
        spec = {"type": given} if isinstance(given, str) else given
        loc = ("variables", name)
        if not isinstance(spec, Mapping) or spec.get("type") not in TYPES:
            self._wrong(f"'{name}' needs a type: {', '.join(TYPES)}", *loc)
            return None
        for key in spec:
            if key not in ("type", "default"):
                self._wrong(f"unknown key '{key}' of variable '{name}'", *loc, str(key))
        kind = str(spec["type"])
        if not PLACE.fullmatch("{{" + name + "}}") or name == SIGNAL:
            self._wrong(f"'{name}' cannot be the name of a variable", *loc)
        passed = PASSED.get(self.file.name)
        if passed is not None and name not in passed and "default" not in spec:
            self._wrong(f"nobody gives the variable '{name}' a value, and it has no default{nearest(name, passed)}", *loc)
        if passed is not None and name in passed and (name in LISTS) != (kind == "list"):
            self._wrong(f"'{name}' is a {'list' if name in LISTS else 'text'}, not a {kind}", *loc)
        if "default" not in spec:
            return Variable(name, kind)
        default = as_type(spec["default"], kind)
        if default is None:
            self._wrong(f"the default of '{name}' is no {kind}", *loc, "default")
        return Variable(name, kind, default, True)

    def _labels(self) -> tuple[str, ...]:
        given = self.file.values.get("labels")
        if given is None:
            return ()
        if not isinstance(given, list) or not 2 <= len(given) <= MOST_LABELS:
            self._wrong(f"`labels` is a list of 2 to {MOST_LABELS} words", "labels")
            return ()
        words = [str(item).lower() if isinstance(item, bool) else str(item) for item in given]
        for number, word in enumerate(words):
            if not LABEL.match(word):
                self._wrong(f"the label {word[:40]!r} is no single word of at most 16 letters or digits", "labels", number)
            elif word.casefold() in {other.casefold() for other in words[:number]}:
                self._wrong(f"the label '{word}' stands twice", "labels", number)
        if self.file.name == "triage" and [word.casefold() for word in words] != ["yes", "no"]:
            self._wrong("triage is asked for the labels [yes, no], in this order", "labels")
        elif self.file.name in PASSED and self.file.name != "triage":
            self._wrong(f"'{self.file.name}' is asked for more than one word: `labels` is for triage", "labels")
        return tuple(words)

    def _schema(self, variables: Mapping[str, Variable], labels: tuple[str, ...]) -> Mapping[str, Any] | None:
        schema = self.file.values.get("schema")
        if schema is None and labels:
            return one_of(labels)
        if schema is None:
            self._wrong("no `schema`: without one a model answers what it likes", "schema")
            return None
        for flaw in flaws(schema, bare=bool(labels)):
            (self._warn if flaw.warning else self._wrong)(flaw.reason, "schema", *flaw.loc)
        if labels and not any(set(labels) <= set(choices) for choices in enums_in(schema)):
            self._wrong(f"the schema has no enum with the labels {', '.join(labels)}; leave it out, and it is made", "schema")
        for name, loc in variables_in(schema):
            if name not in variables:
                self._wrong(f"${name} is not declared under `variables`{nearest(name, variables)}", "schema", *loc)
            elif variables[name].type != "list":
                self._wrong(f"${name} must be of type list", "schema", *loc)
        return schema if isinstance(schema, Mapping) else None

    def _options(self) -> dict[str, float | int | str]:
        options = self.file.values.get("options") or {}
        if not isinstance(options, Mapping):
            self._wrong("`options` is a mapping", "options")
            return {}
        found: dict[str, float | int | str] = {}
        given: Mapping[str, Any] = options
        for name, value in given.items():
            if name in RUNNER_OPTIONS:
                self._wrong(
                    f"'{name}' belongs to the model in the settings: a change makes the server load it again", "options", name
                )
            elif name not in OPTIONS:
                self._wrong(f"unknown option '{name}'{nearest(str(name), OPTIONS)}", "options", name)
            elif isinstance(value, bool) or not isinstance(value, int if OPTIONS[name] is int else int | float):
                self._wrong(f"option '{name}' must be a {'whole ' if OPTIONS[name] is int else ''}number", "options", name)
            else:
                found[str(name)] = int(value) if OPTIONS[name] is int else float(value)
        return found

    def _body(self, variables: Mapping[str, Variable]) -> str:
        body, first = self.file.body, self.file.body_line
        places = list(PLACE.finditer(body))
        signals = [match for match in places if match[1] == SIGNAL]
        for match in places:
            if match[1] != SIGNAL and match[1] not in variables:
                hint = nearest(match[1], variables)
                self._wrong(
                    f"{{{{ {match[1]} }}}} is not declared under `variables`{hint}", line=first + _lines(body, match.start())
                )
        for number, line in enumerate(body.splitlines()):
            if "{{" in PLACE.sub("", line):
                self._wrong("two braces that begin no {{ variable }}", line=first + number)
        if len(body) > MOST_BODY:
            self._wrong(f"the body is longer than {MOST_BODY} characters", line=first)
        if len(signals) != 1:
            self._wrong("the body must hold {{ signal }} once, at its end", line=first)
            return body
        constant, rest = body[: signals[0].start()], body[signals[0].end() :]
        if rest.strip():
            reason = "something stands behind {{ signal }}: it must come last, or no server can reuse what it has read before"
            self._wrong(reason, line=first + _lines(body, signals[0].end() + len(rest) - len(rest.lstrip())))
        if not constant.strip():
            self._wrong("there is nothing before {{ signal }}", line=first)
        return constant.rstrip()

    def _max_tokens(self, schema: Mapping[str, Any] | None) -> int:
        needed = needed_max_tokens(schema) if schema is not None else 0
        given = self.file.values.get("max_tokens", needed or None)
        if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= MOST_TOKENS:
            self._wrong(f"`max_tokens` is a whole number from 1 to {MOST_TOKENS}", "max_tokens")
            return 1
        if given < needed:
            self._warn(f"max_tokens {given} may cut long answers; the schema can need {needed}", "max_tokens")
        return given

    def _used(self, variables: Mapping[str, Variable], schema: Mapping[str, Any] | None) -> None:
        used = {match[1] for match in PLACE.finditer(self.file.body)} | {name for name, _ in variables_in(schema)}
        for name in variables:
            if name not in used:
                self._warn(f"the variable '{name}' is declared and not used", "variables", name)

    def _constant_stays_constant(self, body: str) -> None:
        """A server reads again whatever stands behind the first word that is another one than at the last call."""
        for match in PLACE.finditer(body):
            behind = len(body) - match.end()
            if match[1] in VARIES and behind > MOST_BEHIND_VARYING:
                self._warn(
                    f"{{{{ {match[1]} }}}} is another text for every lead, and {behind} characters stand behind it: put it "
                    "last, right before {{ signal }}, so that a server can reuse what it has read",
                    line=self.file.body_line + _lines(self.file.body, match.start()),
                )

    def _fits_the_model(self, body: str, max_tokens: int) -> None:
        """Whether prompt, a short text and a usual answer fit what the role's usual model can keep of what it has read."""
        name = self.file.name
        if name not in REUSED_TOKENS:
            return
        limit, model = REUSED_TOKENS[name]
        chars = len(PLACE.sub("", body)) + sum(USUAL_CHARS.get(match[1], 0) for match in PLACE.finditer(body))
        tokens = round((chars + SHORT_TEXT_CHARS) / CHARS_PER_TOKEN + EXPECTED_OF_CAP * max_tokens)
        if tokens > limit:
            less = round((tokens - limit) * CHARS_PER_TOKEN)
            self._warn(
                f"about {tokens} tokens with a short text and a usual answer, over the {limit} within which {model} reuses "
                f"what it has read: some {less} characters less would fit, else every text is read slowly",
                line=self.file.body_line,
            )


def nearest(word: str, known: Iterable[str]) -> str:
    """'; did you mean …?' where one of the known words is near, else ''."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{found[0]}'?" if found else ""


def _lines(text: str, position: int) -> int:
    return text.count("\n", 0, position)
