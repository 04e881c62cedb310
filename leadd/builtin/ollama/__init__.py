"""The model plugin `ollama`."""

from leadd.builtin.ollama.model import OllamaModel
from leadd.builtin.ollama.settings import OllamaConfig

__all__ = ["OllamaConfig", "OllamaModel"]
