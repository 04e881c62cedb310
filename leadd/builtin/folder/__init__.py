"""The folder source: signals from JSONL, CSV, text and Markdown files that are dropped in a folder."""

from leadd.builtin.folder.settings import Columns, FolderConfig
from leadd.builtin.folder.source import FolderSource

__all__ = ["Columns", "FolderConfig", "FolderSource"]
