"""From bytes to text: UTF-8 first, marks obeyed, Windows-1252 where the bytes are no UTF-8."""

from __future__ import annotations

import codecs

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Decoder:
    """Decodes pieces of one file. `fell_back` is True once some piece was no UTF-8 and was read as Windows-1252."""

    def __init__(self, encoding: str) -> None:
        self.encoding = "utf-8" if encoding == "auto" else encoding
        self.fell_back = False
        self._auto = encoding == "auto"

    def decode(self, data: bytes) -> str:
        """The text of `data`. Raises UnicodeDecodeError only where the settings name an encoding that does not fit."""
        try:
            return data.decode(self.encoding)
        except UnicodeDecodeError:
            if not self._auto:
                raise
            self.fell_back = True
            # Windows-1252 leaves five bytes undefined; one of them must not cost the row.
            return data.decode("cp1252", errors="replace")


def is_utf16(head: bytes) -> bool:
    """True where a file begins with the mark of UTF-16 (Excel's 'Unicode text')."""
    return head.startswith(_UTF16_MARKS)


def decode_whole(data: bytes, decoder: Decoder) -> str:
    """A whole small file as text, its mark removed."""
    if is_utf16(data):
        return data.decode("utf-16", errors="replace")
    return decoder.decode(data).lstrip("\ufeff")
