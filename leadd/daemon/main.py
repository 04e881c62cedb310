"""The process of the daemon: settings, logs, the event loop, and an exit code for every end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from leadd.config.loading import load
from leadd.config.paths import NotPrivate, Paths
from leadd.config.problems import SettingsError
from leadd.control.listening import ListenError, SocketTaken
from leadd.daemon.app import Daemon, serve
from leadd.daemon.lock import Locked
from leadd.daemon.logs import close_logs, open_logs
from leadd.store import StoreError, StoreTooNew

DONE, FAILED, TEMPORARY, NOT_PERMITTED, BAD_SETTINGS = 0, 1, 75, 77, 78


def run_daemon(
    *, config: Path | None, profile: str | None, overrides: Mapping[str, str], paths: Paths | None = None, terminal: bool
) -> int:
    """Run a daemon to its end; the exit code. What went wrong is told on standard error in plain words."""
    paths = paths or Paths.from_environment()
    try:
        loaded = load(file=config, profile=profile, overrides=overrides, paths=paths)
    except SettingsError as error:
        print(f"leadd: {error}", file=sys.stderr)
        return BAD_SETTINGS
    settings = loaded.settings
    paths = loaded.paths
    level = "debug" if settings.debug else settings.log.level
    try:
        log = open_logs(
            paths.logs_folder, level=level, file_mb=settings.log.file_mb, files=settings.log.files, foreground=terminal
        )
        for warning in loaded.warnings:
            log.warning("%s", warning)
        asyncio.run(serve(Daemon(loaded, paths, log=log)))
    except Locked as error:
        return _end(error, TEMPORARY)
    except StoreTooNew as error:
        return _end(error, BAD_SETTINGS)
    except ListenError as error:
        # Without any door nobody could use or stop it: this is what else ends a start.
        return _end(error, TEMPORARY if isinstance(error, SocketTaken) else FAILED)
    except (PermissionError, NotPrivate) as error:
        return _end(error, NOT_PERMITTED)
    except (StoreError, OSError) as error:
        return _end(error, FAILED)
    finally:
        close_logs()
    return DONE


def _end(error: Exception, code: int) -> int:
    print(f"leadd: {error}", file=sys.stderr)
    return code
