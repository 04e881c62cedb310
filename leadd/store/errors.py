"""What the store raises. All are LeaddErrors, so a caller can name them without knowing of SQLite."""

from __future__ import annotations

from leadd.api.errors import LeaddError


class StoreError(LeaddError):
    """The database cannot be used as it is (not a leadd file, broken, a failing migration)."""


class StoreTooNew(StoreError):
    """The file was written by a newer leadd; nothing in it was touched."""


class StoreUnavailable(StoreError):
    """The write is not known to have happened (full disk, I/O error, closed). Trying again later is right."""


class DuplicateName(StoreError):
    """Another row has this name already."""


class NotFound(StoreError):
    """There is no row with this id."""
