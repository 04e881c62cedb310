"""A faithful Ollama for tests and benchmarks: real sockets, real shapes, real failures, no model."""

from leadd.testing.ollama.catalog import ModelInfo
from leadd.testing.ollama.editor import Editor
from leadd.testing.ollama.faults import KINDS, Fault
from leadd.testing.ollama.oracle import Oracle, Question, Reading, read_signal
from leadd.testing.ollama.profiles import NAMES, Profile, profile
from leadd.testing.ollama.scheduler import Limits
from leadd.testing.ollama.server import FakeOllama
from leadd.testing.ollama.stats import Stats, prompt_hash
from leadd.testing.ollama.threaded import ThreadedFake, threaded_fake
from leadd.testing.ollama.timing import LAPTOP, LeapClock, ScaledClock, Speeds

__all__ = [
    "KINDS", "LAPTOP", "NAMES", "Editor", "FakeOllama", "Fault", "LeapClock", "Limits", "ModelInfo", "Oracle", "Profile",
    "Question", "Reading", "ScaledClock", "Speeds", "Stats", "ThreadedFake", "profile", "prompt_hash", "read_signal",
    "threaded_fake",
]  # fmt: skip
