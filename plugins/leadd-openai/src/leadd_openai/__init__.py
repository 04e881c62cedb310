"""leadd-openai: the model component `openai`, for llama.cpp's llama-server, LM Studio, vLLM and their like."""

from __future__ import annotations

from leadd.api import Model
from leadd_openai.model import OpenAIModel
from leadd_openai.settings import OpenAIConfig

__all__ = ["OpenAIConfig", "OpenAIModel", "leadd_models"]


def leadd_models() -> list[type[Model]]:
    return [OpenAIModel]
