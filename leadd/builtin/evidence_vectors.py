"""Static word vectors for the evidence model: the weights that the package wordllama brings, read without importing it.

Reading them here takes a sixth of the package's memory, and its own loader asks a model hub where it should look beside itself.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WEIGHTS = Path("weights") / "l2_supercat_256.safetensors"
_TOKENIZER = Path("tokenizers") / "l2_supercat_tokenizer_config.json"
_MAX_CHARS = 20_000


class VectorsMissing(Exception):
    """The extra `embedded` is not installed, or its files are not where they are known to be."""


class Vectors:
    """Mean vectors of texts, 256 numbers of unit length. Make one with `load`, in a thread: it reads 18 MB."""

    def __init__(self, weights: NDArray[np.float16], tokenizer: Any, identity: str = "") -> None:
        self.identity = identity
        """What names these weights: the file and its size."""
        self._weights = weights
        self._tokenizer = tokenizer
        # What all texts have in common says nothing of any of them: vectors are taken from this centre.
        self._centre = np.asarray(weights[:: max(1, len(weights) // 4000)], dtype=np.float32).mean(axis=0)

    @classmethod
    def load(cls) -> Vectors:
        """The vectors of the installed package wordllama; no network. Raises VectorsMissing with the reason."""
        try:
            spec = importlib.util.find_spec("wordllama")
            tokenizers = importlib.import_module("tokenizers")
        except (ImportError, ValueError) as error:
            raise VectorsMissing(f"the extra leadd[embedded] is not installed ({error})") from error
        if spec is None or spec.origin is None:
            raise VectorsMissing("the extra leadd[embedded] is not installed")
        folder = Path(spec.origin).parent
        try:
            weights = read_matrix(folder / _WEIGHTS)
            tokenizer = tokenizers.Tokenizer.from_file(str(folder / _TOKENIZER))
        except Exception as error:  # the tokenizers package raises bare Exception
            raise VectorsMissing(f"the files of wordllama cannot be read: {error}") from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return cls(weights, tokenizer, f"{_WEIGHTS.name} {weights.nbytes}")

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (len(texts), 256), float32, unit length; a text without a known word gives zeros."""
        out = np.zeros((len(texts), self._weights.shape[1]), dtype=np.float32)
        encoded = self._tokenizer.encode_batch([text[:_MAX_CHARS] for text in texts], add_special_tokens=False)
        for row, encoding in enumerate(encoded):
            ids = np.asarray(encoding.ids, dtype=np.int64)
            ids = ids[(ids >= 0) & (ids < len(self._weights))]
            if len(ids):
                mean = np.asarray(self._weights[ids], dtype=np.float32).mean(axis=0) - self._centre
                out[row] = mean / max(float(np.linalg.norm(mean)), 1e-9)
        return out


def read_matrix(file: Path) -> NDArray[np.float16]:
    """The one matrix of a safetensors file (8 bytes length, JSON header, numbers), mapped rather than read.

    Raises ValueError where the file is no such thing.
    """
    size = file.stat().st_size
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if not 2 <= length <= min(size, 1_000_000):
            raise ValueError(f"{file.name} is no safetensors file")
        header = json.loads(opened.read(length))
    tensors = [value for key, value in header.items() if key != "__metadata__"]
    if len(tensors) != 1 or tensors[0]["dtype"] not in ("F16", "F32"):
        raise ValueError(f"{file.name} does not hold one matrix of floats")
    begin, end = tensors[0]["data_offsets"]
    rows, columns = tensors[0]["shape"]
    dtype = np.dtype("<f2" if tensors[0]["dtype"] == "F16" else "<f4")
    if end - begin != rows * columns * dtype.itemsize or 8 + length + end > size:
        raise ValueError(f"{file.name} is cut short")
    return np.memmap(file, dtype=dtype, mode="r", offset=8 + length + begin, shape=(rows, columns))
