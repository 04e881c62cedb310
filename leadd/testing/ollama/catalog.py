"""The models a fake server knows: what is installed, what could be pulled, and how they are described."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache

from leadd.testing.ollama.profiles import Profile

COMPLETION = ("completion",)
VISION = ("completion", "vision")
EMBEDDING = ("embedding",)
GEMMA_PARAMETERS = "\n".join(
    f"{name:<30} {value}" for name, value in (("stop", '"<end_of_turn>"'), ("temperature", 1), ("top_k", 64))
)
NAME = re.compile(
    r"(?:[A-Za-z0-9][\w.:-]*/)?(?:[A-Za-z0-9_][\w.-]{0,79}/)?(?P<model>[A-Za-z0-9_][\w.-]{0,79})(?::(?P<tag>[A-Za-z0-9_][\w.-]{0,79}))?"
)
OFFICIAL = "registry.ollama.ai/library/"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model. `window_cells`: prompts longer than this lose their prefix under a sliding window (0: no such window).

    `own_template` marks a model whose chat template llama-server applies itself: a prompt that is too long is an error there,
    and nothing stops an endless answer but its cap.
    """

    name: str
    size: int
    family: str
    parameter_size: str
    parameter_count: int
    quantization: str
    context_length: int
    embedding_length: int
    kv_bytes: int
    capabilities: tuple[str, ...] = COMPLETION
    window_cells: int = 0
    own_template: bool = False
    template: str = "{{ .Prompt }}"
    parameters: str = ""
    revision: int = 1
    modified_ms: int = 1_767_225_600_000
    families: tuple[str, ...] = field(default=())
    messages: tuple[tuple[str, str], ...] = ()
    """Messages of its Modelfile (role, content): they stand before those of every chat."""
    adapter: str = ""
    """The digest of a LoRA adapter on top of the weights."""

    @property
    def digest(self) -> str:
        """64 hex digits that name this revision's manifest."""
        own = f" {self.messages} {self.adapter} {self.parameters}" if self.messages or self.adapter else ""
        return hashlib.sha256(f"manifest {self.name} {self.revision}{own}".encode()).hexdigest()

    @property
    def blob(self) -> str:
        """64 hex digits that name the weights; two tags of one model share them, and so share a runner,
        but that an adapter makes other weights of them."""
        return hashlib.sha256(
            f"blob {self.family} {self.size} {self.quantization} {self.revision}{self.adapter}".encode()
        ).hexdigest()

    @property
    def embeds_only(self) -> bool:
        return "completion" not in self.capabilities

    def loaded_size(self, num_ctx: int, slots: int) -> int:
        """Bytes of memory with a window of `num_ctx` tokens for each slot."""
        return self.size + self.kv_bytes * num_ctx * slots


def _gemma(name: str, size: int, parameters: str, count: int, kv_bytes: int, cells: int, width: int) -> ModelInfo:
    text_only = name.endswith((":1b", ":270m"))
    return ModelInfo(
        name, size, "gemma3", parameters, count, "Q4_K_M", 32768 if text_only else 131072, width, kv_bytes,
        COMPLETION if text_only else VISION, cells,
        parameters=GEMMA_PARAMETERS,
    )  # fmt: skip


LIBRARY = (
    _gemma("gemma3:270m", 291_554_930, "268.10M", 268_098_176, 18_432, 1024, 640),
    _gemma("gemma3:1b", 815_319_791, "999.89M", 999_885_952, 26_624, 1024, 1152),
    _gemma("gemma3:4b", 3_338_801_804, "4.3B", 4_299_915_632, 174_080, 1536, 2560),
    _gemma("gemma3:12b", 8_149_190_253, "12.2B", 12_187_325_040, 393_216, 1536, 3840),
    ModelInfo("nomic-embed-text:latest", 274_302_450, "nomic-bert", "137M", 136_727_040, "F16", 2048, 768, 0, EMBEDDING),
    ModelInfo(
        "mistral:7b", 4_113_301_824, "llama", "7.2B", 7_248_023_552, "Q4_0", 32768, 4096, 131_072, ("completion", "tools")
    ),
    ModelInfo("llama3:8b", 4_661_224_676, "llama", "8.0B", 8_030_261_248, "Q4_0", 8192, 4096, 131_072, own_template=True),
    ModelInfo("smollm2:latest", 98_363_019, "llama", "134.52M", 134_515_008, "Q4_1", 8192, 576, 23_040),
)
DEFAULT_MODELS = ("gemma3:1b", "gemma3:4b", "nomic-embed-text")


def key_of(name: str) -> str | None:
    """The full lower-case name with its tag, without the official registry in front; None where it is no model name."""
    match = NAME.fullmatch(name)
    if match is None:
        return None
    key = name.lower() if match["tag"] else name.lower() + ":latest"
    return key.removeprefix("registry.ollama.ai/").removeprefix("library/")


class Catalog:
    """What is installed, by key, and what the registry would give on a pull."""

    def __init__(self, names: tuple[str, ...] = DEFAULT_MODELS) -> None:
        self._library = {model.name: model for model in LIBRARY}
        self.installed: dict[str, ModelInfo] = {}
        for name in names:
            self.add(name)

    def add(self, model: str | ModelInfo) -> ModelInfo:
        """Install a model: a ModelInfo as it is, a known name from the library, any other name with guessed figures."""
        info = model if isinstance(model, ModelInfo) else self._described(model)
        self._library[info.name] = info
        self.installed[info.name] = info
        return info

    def find(self, name: str) -> ModelInfo | None:
        """The installed model of a name, whatever its case, with or without tag."""
        return self.installed.get(name) or self.installed.get(key_of(name) or "")

    def known(self, name: str) -> ModelInfo | None:
        """What a pull of this name would bring: a tag that is there already comes with a new digest. None: no such model."""
        key = key_of(name) or ""
        known = self._library.get(key)
        if known is not None and key in self.installed:
            return replace(known, revision=known.revision + 1, modified_ms=known.modified_ms + 86_400_000)
        return known

    def pull(self, name: str) -> ModelInfo | None:
        """Install or renew. None where the registry has no such model."""
        known = self.known(name)
        return None if known is None else self.add(known)

    def remove(self, name: str) -> bool:
        """Forget an installed model; False where it was not there."""
        return self.installed.pop(key_of(name) or "", None) is not None

    def copy(self, source: str, target: str) -> bool:
        """A second name for the same weights; False where the source is not there."""
        info, key = self.find(source), key_of(target)
        if info is None or key is None:
            return False
        self.installed[key] = replace(info, name=key)
        return True

    def _described(self, name: str) -> ModelInfo:
        key = key_of(name)
        if key is None:
            raise ValueError(f"'{name}' is no model name")
        if key in self._library:
            return self._library[key]
        if "embed" in key or "minilm" in key:
            return ModelInfo(key, 270_000_000, "bert", "109M", 109_000_000, "F16", 512, 384, 0, EMBEDDING)
        base = self._library.get(re.sub(r"(:\d+b)-.*", r"\1", key))
        if base is not None:
            return replace(base, name=key, size=base.size + sum(key.encode()))
        return ModelInfo(key, 2_000_000_000, "llama", "3.2B", 3_212_749_888, "Q4_K_M", 8192, 3072, 114_688)


def rfc3339(ms: float) -> str:
    """A time as Go writes it: UTC, nanoseconds without trailing zeros."""
    seconds, rest_ms = divmod(ms, 1000)
    fraction = f"{int(rest_ms * 1_000_000):09d}".rstrip("0")
    return f"{_second(int(seconds))}.{fraction}Z" if fraction else f"{_second(int(seconds))}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def details(info: ModelInfo, profile: Profile) -> dict[str, object]:
    """The `details` object of tags, show and ps."""
    shape: dict[str, object] = {
        "parent_model": "", "format": "gguf", "family": info.family, "families": list(info.families or (info.family,)),
        "parameter_size": info.parameter_size, "quantization_level": info.quantization,
    }  # fmt: skip
    if profile.native:
        shape |= {"context_length": info.context_length, "embedding_length": info.embedding_length}
    return shape


def tags_entry(info: ModelInfo, profile: Profile) -> dict[str, object]:
    """One model of /api/tags."""
    entry: dict[str, object] = {
        "name": info.name, "model": info.name, "modified_at": rfc3339(info.modified_ms), "size": info.size,
        "digest": info.digest, "details": details(info, profile),
    }  # fmt: skip
    if profile.native:
        entry["capabilities"] = list(info.capabilities)
    return entry


def show_reply(info: ModelInfo, profile: Profile) -> dict[str, object]:
    """The answer of /api/show."""
    family = info.family
    return {
        "modelfile": f'# Modelfile generated by "ollama show"\nFROM {info.name}\nTEMPLATE {info.template}\n',
        "parameters": info.parameters,
        "template": info.template,
        "details": details(info, profile),
        "model_info": {
            "general.architecture": family,
            "general.parameter_count": info.parameter_count,
            "general.quantization_version": 2,
            f"{family}.context_length": info.context_length,
            f"{family}.embedding_length": info.embedding_length,
            f"{family}.block_count": 26,
            "tokenizer.ggml.tokens": None,
        },
        "tensors": [{"name": "token_embd.weight", "type": "Q8_0", "shape": [info.embedding_length, 262144]}],
        "capabilities": list(info.capabilities),
        "modified_at": rfc3339(info.modified_ms),
    }
