"""The plugins a first run needs. They come in by entry point like any other and import leadd.api only."""

from leadd.api import CacheBackend, Model, Sink, Source
from leadd.builtin.csv_file import CsvSink
from leadd.builtin.evidence import EvidenceModel
from leadd.builtin.folder import FolderSource
from leadd.builtin.inbox import InboxSource
from leadd.builtin.jsonl import JsonlSink
from leadd.builtin.memory import MemoryCache
from leadd.builtin.ollama import OllamaModel
from leadd.builtin.sqlite_cache import SqliteCache
from leadd.builtin.webhook import WebhookSink


def leadd_sources() -> list[type[Source]]:
    return [InboxSource, FolderSource]


def leadd_caches() -> list[type[CacheBackend]]:
    return [MemoryCache, SqliteCache]


def leadd_models() -> list[type[Model]]:
    return [OllamaModel, EvidenceModel]


def leadd_sinks() -> list[type[Sink]]:
    return [JsonlSink, CsvSink, WebhookSink]
