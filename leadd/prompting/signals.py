"""How a signal is written into a prompt: one JSON object, in which nothing can end the quoting or play the server's part."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

SIGNAL_FORMAT = 1
"""Part of every prompt's content hash: whoever changes this file's output raises it."""

ORDER = ("title", "company", "location", "text")

_OPENING = re.compile(r'(^|[\s(\[{<“‘«„/-])"')
_TURN = re.compile(r"<(\|?/?[A-Za-z_][A-Za-z0-9_/|-]{0,40}\|?)>")
_INST = re.compile(r"\[(/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS)s?)\]", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def signal_text(signal: Mapping[str, str | None]) -> str:
    """The signal as one JSON object; what is not known is left out.

    Straight double quotes become typographic ones: a quoted word in the text makes some models close their own JSON string
    early, which leaves a valid but cut answer (ollama/ollama#18094).
    """
    known = [*ORDER, *(name for name in signal if name not in ORDER)]
    shown = {name: harmless(value) for name in known if (value := signal.get(name))}
    return json.dumps(shown, ensure_ascii=False)


def harmless(text: str) -> str:
    """A stranger's text without straight double quotes, control characters, and the marks by which servers part the turns
    of a chat: `<end_of_turn>` inside a text would be read as the real one."""
    if '"' in text:
        text = _OPENING.sub(r"\1“", text).replace('"', "”")
    if "<" in text:
        text = text.replace("<<SYS>>", "‹SYS›").replace("<</SYS>>", "‹/SYS›")
        text = _TURN.sub(r"‹\1›", text)
    if "[" in text:
        text = _INST.sub(r"(\1)", text)
    text = _CONTROL.sub(" ", text)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
