"""What is known to be wrong with versions of Ollama, as far as it touches leadd and the person at the machine."""

from __future__ import annotations

from dataclasses import dataclass

from leadd.builtin.ollama.naming import ServerVersion

UPDATE = "update Ollama: ollama.com/download, or the same command that installed it"


@dataclass(frozen=True, slots=True)
class KnownFault:
    """One fault of the versions from `since` on and before `until` ('' where no end, or no beginning, is known).

    `is_problem`: something should be done; else it is worth knowing. `source` names where it is told: a CVE or an issue.
    """

    since: str
    until: str
    text: str
    source: str = ""
    is_problem: bool = False

    def concerns(self, version: ServerVersion) -> bool:
        """Whether a server of this version has it."""
        since, until = ServerVersion.parse(self.since), ServerVersion.parse(self.until)
        return (since is None or version >= since) and (until is None or version < until)


FAULTS: tuple[KnownFault, ...] = (
    KnownFault("", "0.1.29", "any web page that you open can use the server (DNS rebinding)", "CVE-2024-28224", True),
    KnownFault("", "0.1.34", "a model that it pulls may write files anywhere", "CVE-2024-37032", True),
    KnownFault("", "0.2.6", "it cannot embed texts (no /api/embed)"),
    KnownFault("", "0.5.0", "it cannot be held to a JSON schema: leadd asks it nothing", "", True),
    KnownFault("", "0.10.0", "it does not tell the window of a loaded model: what other programs do to it is seen late"),
    KnownFault("", "0.12.6", "it cuts prompts that are too long without a word; leadd counts the tokens", "ollama/ollama#3839"),
    KnownFault("", "0.12.11", "it gives no log-probabilities: triage asks for one of two words, and gets no probability"),
    KnownFault("", "0.17.1", "anyone who reaches its port can read its memory", "CVE-2026-7482", True),
    KnownFault("", "0.20.3", "the digest of a model may lead outside its folder", "CVE-2026-7020", True),
    KnownFault("0.30.0", "0.30.1", "it counts only the prompt tokens that it read anew, so leadd's budgets are guesses"),
    KnownFault("", "0.32.15", "each question costs it more than it must: later ones remember what they know of a model"),
    KnownFault(
        "", "", "a model loaded while another is busy can leave it waiting for ever: leadd empties it first, others may not",
        "ollama/ollama#17408",
    ),
    KnownFault(
        "", "0.33.0", "an answer that repeats itself just stops: leadd asks once more, less strictly", "ollama/ollama#18359",
    ),
)  # fmt: skip
"""In the order of the versions that end them. 0.17.1 is the floor: nothing older should be in use."""

PROMPTS_KEPT_SINCE = ServerVersion(0, 30, 0)


def faults_of(version: str) -> list[KnownFault]:
    """The known faults of a server that gives this version, worst first; [] where that is none, as of a build of one's own."""
    parsed = ServerVersion.parse(version)
    found = [] if parsed is None else [fault for fault in FAULTS if fault.concerns(parsed)]
    return sorted(found, key=lambda fault: not fault.is_problem)


def keeps_prompts(version: str) -> bool:
    """Whether a server of this version keeps read prompts in main memory, up to 8 GiB of them."""
    parsed = ServerVersion.parse(version)
    return parsed is not None and parsed >= PROMPTS_KEPT_SINCE
