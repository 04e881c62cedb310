"""What is in the wheel: a missing prompt or migration is only noticed by those who install it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed: the wheel cannot be built without the network")
    folder = tmp_path_factory.mktemp("wheel")
    code = (
        "import os, sys; os.chdir(sys.argv[1]); from hatchling.builders.wheel import WheelBuilder\n"
        "print(*WheelBuilder('.').build(directory=sys.argv[2], versions=['standard']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT), str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(folder.glob("leadd-*.whl")))


def test_everything_that_runs_is_in_it(wheel: zipfile.ZipFile) -> None:
    held = set(wheel.namelist())
    for folder, inside, pattern in (
        ("leadd", "leadd", "**/*.py"),
        ("leadd/store/migrations", "leadd/store/migrations", "*.sql"),
        ("leadd/samples", "leadd/samples", "**/*.*"),
        ("prompts", "leadd/_prompts", "**/*.yaml"),
        ("prompts", "leadd/_prompts", "**/*.json"),
    ):
        files = [p for p in (ROOT / folder).glob(pattern) if p.is_file() and "__pycache__" not in p.parts]
        assert files, folder
        missing = [p for p in files if f"{inside}/{p.relative_to(ROOT / folder).as_posix()}" not in held]
        assert missing == []
    assert "leadd/py.typed" in held


def test_nothing_else_is_in_it(wheel: zipfile.ZipFile) -> None:
    for name in wheel.namelist():
        assert name.startswith(("leadd/", "leadd-")), name
        assert "__pycache__" not in name
        assert not name.endswith((".pyc", ".db", ".log")), name


def test_command_and_plugins_are_declared(wheel: zipfile.ZipFile) -> None:
    info = next(n for n in wheel.namelist() if n.endswith("entry_points.txt"))
    declared = wheel.read(info).decode()
    assert "leadd = leadd.cli.main:main" in declared
    assert "[leadd.plugins]\nbuiltin = leadd.builtin" in declared
    meta = wheel.read(next(n for n in wheel.namelist() if n.endswith("METADATA"))).decode()
    assert "Requires-Python: >=3.11" in meta


def test_it_runs_from_the_wheel_alone(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Unpacked beside the dependencies of this environment: prompts and samples are found without the checkout."""
    wheel.extractall(tmp_path)
    code = (
        "import leadd, sys; from leadd.prompting import packaged_folder; from leadd.cli.demo import SAMPLES\n"
        "print(leadd.__file__, packaged_folder(), (packaged_folder() / 'triage.yaml').exists(), (SAMPLES / 'signals').is_dir())"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    file, prompts, has_prompts, has_samples = done.stdout.split()
    assert file.startswith(str(tmp_path))
    assert prompts == str(tmp_path / "leadd" / "_prompts")
    assert (has_prompts, has_samples) == ("True", "True")
