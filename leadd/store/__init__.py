"""The truth in SQLite: one writer, short readers, one repository per table group."""

from leadd.store.errors import DuplicateName, NotFound, StoreError, StoreTooNew, StoreUnavailable
from leadd.store.store import Store

__all__ = ["DuplicateName", "NotFound", "Store", "StoreError", "StoreTooNew", "StoreUnavailable"]
