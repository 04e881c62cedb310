"""The table of known faults: each version gets those that concern it, the worst first."""

from __future__ import annotations

import pytest

from leadd.builtin.ollama.known_faults import FAULTS, faults_of, keeps_prompts
from leadd.builtin.ollama.naming import ServerVersion


def sources(version: str) -> set[str]:
    return {fault.source for fault in faults_of(version)}


@pytest.mark.parametrize(
    ("version", "has", "has_not"),
    [
        ("0.1.28", {"CVE-2024-28224", "CVE-2026-7482"}, set()),
        ("0.1.29", {"CVE-2024-37032"}, {"CVE-2024-28224"}),
        ("0.9.3", {"CVE-2026-7482", "ollama/ollama#3839"}, {"CVE-2024-37032"}),
        ("0.17.0", {"CVE-2026-7482", "CVE-2026-7020"}, {"ollama/ollama#3839"}),
        ("0.17.1", {"CVE-2026-7020"}, {"CVE-2026-7482"}),
        ("0.31.1", {"ollama/ollama#17408", "ollama/ollama#18359"}, {"CVE-2026-7020"}),
        ("0.33.0-rc2", {"ollama/ollama#18359"}, set()),
        ("0.33.1", {"ollama/ollama#17408"}, {"ollama/ollama#18359"}),
    ],
)
def test_a_version_has_its_faults(version: str, has: set[str], has_not: set[str]) -> None:
    found = sources(version)
    assert has <= found
    assert not has_not & found


def test_problems_come_first_and_a_new_version_has_none() -> None:
    found = [fault.is_problem for fault in faults_of("0.4.0")]
    assert found == sorted(found, reverse=True)
    assert any("log-probabilities" in fault.text for fault in faults_of("0.12.10"))
    assert not any("log-probabilities" in fault.text for fault in faults_of("0.12.11"))
    assert not any(fault.is_problem for fault in faults_of("0.33.1"))


@pytest.mark.parametrize("version", ["", "0.0.0", "unknown", "main-abc"])
def test_what_is_no_version_is_not_blamed(version: str) -> None:
    assert faults_of(version) == []
    assert not keeps_prompts(version)


def test_the_table_can_be_read() -> None:
    for fault in FAULTS:
        for limit in (fault.since, fault.until):
            assert not limit or ServerVersion.parse(limit) is not None
        assert fault.text[0].islower()
        assert not fault.text.endswith(".")
    assert not keeps_prompts("0.24.0")
    assert keeps_prompts("0.30.0")
