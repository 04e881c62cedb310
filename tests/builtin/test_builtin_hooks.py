"""What the builtin plugin hands over."""

from __future__ import annotations

import leadd.builtin as builtin
from leadd.api import CacheBackend, Component, LeaddSpec, Model, Sink, Source


def test_every_builtin_is_there_under_its_name() -> None:
    given = {
        Source: builtin.leadd_sources(),
        CacheBackend: builtin.leadd_caches(),
        Model: builtin.leadd_models(),
        Sink: builtin.leadd_sinks(),
    }
    assert {kind.__name__: [each.name for each in classes] for kind, classes in given.items()} == {
        "Source": ["inbox", "folder"],
        "CacheBackend": ["memory", "sqlite"],
        "Model": ["ollama", "evidence"],
        "Sink": ["jsonl", "csv", "webhook"],
    }
    for kind, classes in given.items():
        assert all(issubclass(each, kind) and issubclass(each, Component) for each in classes)


def test_the_hooks_are_those_of_the_specification() -> None:
    hooks = {name for name in vars(builtin) if name.startswith("leadd_")}
    assert hooks <= {name for name in vars(LeaddSpec) if name.startswith("leadd_")}
