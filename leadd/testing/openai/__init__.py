"""A faithful OpenAI-compatible server for tests: llama.cpp's, LM Studio or vLLM. Real sockets, real shapes, no model."""

from leadd.testing.openai.house import QUIRKS
from leadd.testing.openai.served import FLAVOURS, Served
from leadd.testing.openai.server import FakeOpenAI

__all__ = ["FLAVOURS", "QUIRKS", "FakeOpenAI", "Served"]
