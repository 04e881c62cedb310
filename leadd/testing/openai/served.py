"""The models that a fake OpenAI-compatible server has, and what it lists of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

FLAVOURS = ("llamacpp", "lmstudio", "vllm")


@dataclass(frozen=True, slots=True)
class Served:
    """One model. `revision` stands for the weights: another one under the same id is another file."""

    id: str
    path: str = ""
    size: int = 806_058_240
    n_params: int = 999_885_952
    n_ctx_train: int = 32_768
    width: int = 1152
    arch: str = "gemma3"
    quantization: str = "Q4_K_M"
    publisher: str = "google"
    embeds_only: bool = False
    aliases: tuple[str, ...] = ()
    revision: int = 1

    @property
    def place(self) -> str:
        """Where its weights are."""
        return self.path or f"/models/{self.id.rpartition('/')[2]}-{self.quantization}-{self.revision}.gguf"


SMALL = Served("gemma-3-1b-it")
NOMIC = Served(
    "text-embedding-nomic-embed-text-v1.5", size=84_106_624, n_params=136_727_040, n_ctx_train=2048, width=768,
    arch="nomic-bert", quantization="Q4_0", publisher="nomic-ai", embeds_only=True,
)  # fmt: skip
DEFAULTS: Mapping[str, tuple[Served, ...]] = {
    "llamacpp": (SMALL,),
    "lmstudio": (
        Served("google/gemma-3-1b"),
        Served("google/gemma-3-4b", size=2_489_757_856, n_params=3_880_099_328, n_ctx_train=131_072, width=2560),
        NOMIC,
    ),
    "vllm": (Served("google/gemma-3-4b-it", "google/gemma-3-4b-it", quantization="", width=2560),),
}


def served(flavour: str, models: Iterable[str | Served] | None) -> tuple[Served, ...]:
    """The models by name or as they are; those of the flavour where none are named."""
    if models is None:
        return DEFAULTS[flavour]
    return tuple(model if isinstance(model, Served) else _named(model) for model in models)


def _named(name: str) -> Served:
    if "embed" in name:
        return Served(name, width=768, n_ctx_train=2048, arch="nomic-bert", embeds_only=True)
    return Served(name)
