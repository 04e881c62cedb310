"""What any Ollama does, the real one and the fake: one suite for both, about shapes and behaviour, never about values.

Subclass `OllamaContract` in a test module and give it a module-scoped fixture `server`, which returns a `Served`. Needs the
packages pytest, pytest-asyncio (auto mode) and ollama.
"""

from leadd.testing.ollama.contract_base import Served
from leadd.testing.ollama.contract_status import StatusContract
from leadd.testing.ollama.contract_talk import TalkContract

__all__ = ["OllamaContract", "Served"]


class OllamaContract(StatusContract, TalkContract):
    """The whole contract."""
