"""ICPs that were added while the daemon was stopped: files in a folder, taken in at the next start."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from leadd.api import Icp
from leadd.api.diagnosis import diagnose
from leadd.core.icp_templates import TEMPLATES
from leadd.store import DuplicateName, Store

FOLDER = "icps"


def folder_of(config_file: Path) -> Path:
    """Where they lie: beside the settings file."""
    return config_file.parent / FOLDER


def read_icp(data: Any) -> Icp:
    """The ICP that a file holds: its keys, or `template: NAME`. Raises ValueError in words."""
    if isinstance(data, dict) and set(data) == {"template"}:
        if data["template"] not in TEMPLATES:
            raise ValueError(f"there is no template '{data['template']}'; there are: {', '.join(TEMPLATES)}")
        return TEMPLATES[data["template"]]
    try:
        return Icp.model_validate(data)
    except ValidationError as error:
        raise ValueError("; ".join(str(finding) for finding in diagnose(error, Icp))) from None


async def take_in(store: Store, folder: Path) -> list[str]:
    """Store every ICP of the folder and remove its file; a file that cannot be used stays. What is wrong, by file."""
    problems = []
    for file, found in await asyncio.to_thread(_read_all, folder):
        if isinstance(found, str):
            problems.append(f"{file}: {found}")
            continue
        try:
            await store.icps.add(found)
        except DuplicateName:
            problems.append(f"{file}: there is an ICP of that name already; delete the file or change the name in it")
            continue
        await asyncio.to_thread(file.unlink)
    return problems


def _read_all(folder: Path) -> list[tuple[Path, Icp | str]]:
    """Each file with its ICP, or with what is wrong about it."""
    if not folder.is_dir():
        return []
    found: list[tuple[Path, Icp | str]] = []
    for file in sorted(folder.glob("*.y*ml")):
        try:
            found.append((file, read_icp(yaml.safe_load(file.read_text(encoding="utf-8")))))
        except (OSError, ValueError, yaml.YAMLError) as error:
            found.append((file, str(error)))
    return found
