"""The ICPs in force, compiled once for the prefilter, and the shipped template that stands in where there is none."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from leadd.api import Icp
from leadd.core.expansions import InForce, in_force
from leadd.core.icp_templates import DEFAULT_TEMPLATE, TEMPLATES
from leadd.core.prefilter import CompiledIcp
from leadd.learn.words.expansion import Expansion
from leadd.store import Store
from leadd.store.expansions import ExpansionRow
from leadd.store.rows import IcpRow

STAND_IN = "icp.stand_in"


@dataclass(frozen=True)
class Profile:
    """One ICP in force: its row id, the ICP, its compiled form, and the hash that every answer's key holds."""

    id: int
    icp: Icp
    compiled: CompiledIcp
    content_hash: str
    updated_at_ms: int
    spelt: InForce | None = None
    """What its words stand for; None takes the shipped table."""

    @cached_property
    def expansion(self) -> Expansion:
        """What its words stand for, as it counts now: by the table, a model, or the user."""
        return (self.spelt or in_force(self.icp, None)).expansion

    @cached_property
    def expansion_hash(self) -> str:
        """Names `expansion`. What was proven of a matcher holds for this hash alone; answers of models do not depend on it."""
        return self.expansion.content_hash()


def profile_of(row: IcpRow, expansion: ExpansionRow | None = None) -> Profile:
    """A stored ICP made ready for use, with what is kept of its expansion."""
    spelt = in_force(row.icp, expansion)
    return Profile(row.id, row.icp, CompiledIcp.of(row.icp), row.icp.content_hash(), row.updated_at_ms, spelt)


class Profiles:
    """Reads the ICPs from the store. Without any, a shipped template is in force until the user adds the first."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._current: tuple[Profile, ...] = ()
        self._stand_in: str | None = None
        self.revision = ""

    @property
    def current(self) -> tuple[Profile, ...]:
        """The ICPs in force."""
        return self._current

    @property
    def stand_in(self) -> str | None:
        """Name of the shipped template in force because the user has no ICP of their own, else None."""
        return self._stand_in

    async def load(self) -> None:
        """Read again; call it after every change of an ICP."""
        rows = await self._store.icps.list()
        marked = (await self._store.schedule.get(STAND_IN)) or {}
        stand_in = next((r for r in rows if r.id == marked.get("id")), None)
        if stand_in is not None and stand_in.updated_at_ms != stand_in.created_at_ms:
            stand_in = None  # the user changed the template: it is theirs now
        if stand_in is not None and len(rows) > 1:
            await self._store.icps.delete(stand_in.id)
            rows = [r for r in rows if r.id != stand_in.id]
            stand_in = None
        if not rows:
            stand_in = await self._store.icps.add(TEMPLATES[DEFAULT_TEMPLATE])
            rows = [stand_in]
        wanted = {"id": stand_in.id} if stand_in else {}
        if wanted != marked:
            await self._store.schedule.set(STAND_IN, wanted)
        self._stand_in = stand_in.icp.name if stand_in else None
        kept = await self._store.expansions.all()
        self._current = tuple(profile_of(row, kept.get(row.id)) for row in rows if row.icp.enabled)
        mark = hashlib.sha256()
        for profile in self._current:
            mark.update(f"{profile.id}:{profile.content_hash}:{profile.expansion_hash};".encode())
        self.revision = mark.hexdigest()[:16]
