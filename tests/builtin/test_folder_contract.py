"""leadd's own suite for sources, over the folder and the inbox."""

from __future__ import annotations

import gzip
from pathlib import Path

from leadd.api import Context, Source
from leadd.builtin.folder import FolderSource
from leadd.builtin.inbox import InboxSource
from leadd.testing.contracts import SourceContract


def fill(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    if not (folder / "a.jsonl").exists():
        (folder / "a.jsonl").write_text('{"id": "1", "text": "one"}\n{bad\n{"id": "2", "text": "two"}\n')
        (folder / "b.csv").write_text("id,text\n3,three\n4,four\n")
        (folder / "c.jsonl.gz").write_bytes(gzip.compress(b'{"id": "5", "text": "five"}\n'))
        (folder / "d.md").write_text("# six\n")
        (folder / "e.txt").write_text("seven")
    return folder


class TestFolder(SourceContract):
    min_drafts = 7

    def make(self, ctx: Context) -> Source:
        folder = fill(ctx.data_folder.parent / f"{ctx.data_folder.name}-in")
        return FolderSource(FolderSource.Config(path=folder, settle_s=0), ctx)

    def make_hostile(self, ctx: Context) -> Source | None:
        folder = ctx.data_folder.parent / "hostile"
        folder.mkdir()
        (folder / "a.jsonl").write_bytes(b'{"text": "\xff\xfe"}\n' + b"[" * 50_000 + b'\n{"text": 5}\n{"tex')
        (folder / "b.csv").write_bytes(b'id,text\n1,"open\n\x00\x01,2,3,4\n')
        (folder / "c.jsonl.gz").write_bytes(gzip.compress(b"x" * 1000)[:-9])
        (folder / "d.md").write_bytes(b"---\n*x\n---\n\x00")
        (folder / "e.txt").symlink_to("/etc/passwd")
        (folder / "f.csv").write_bytes(b"")
        return FolderSource(FolderSource.Config(path=folder, settle_s=0), ctx)


class TestInbox(SourceContract):
    min_drafts = 0

    def make(self, ctx: Context) -> Source:
        return InboxSource(InboxSource.Config(), ctx)
