"""The store: the database and one repository per table group, as one object."""

from __future__ import annotations

from pathlib import Path

from leadd.api.clock import Clock
from leadd.store.choosing import ChoosingRepo
from leadd.store.companies import CompanyRepo
from leadd.store.database import Database
from leadd.store.dossiers import DossierRepo
from leadd.store.embeddings import EmbeddingRepo
from leadd.store.expansions import ExpansionRepo
from leadd.store.experiments import ExperimentRepo
from leadd.store.finding import FindingRepo
from leadd.store.icps import IcpRepo
from leadd.store.judgements import JudgementRepo
from leadd.store.leads import LeadRepo
from leadd.store.learning import LearningRepo
from leadd.store.outbox import OutboxRepo
from leadd.store.prompts import PromptRepo
from leadd.store.review import ReviewRepo
from leadd.store.schedule import ScheduleRepo
from leadd.store.signals import SignalRepo
from leadd.store.sketches import SketchRepo
from leadd.store.verdicts import VerdictRepo

FILE_NAME = "leadd.db"


class Store:
    """Everything durable. Made by `open`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self.db = db
        self.signals = SignalRepo(db, clock)
        self.judgements = JudgementRepo(db, clock)
        self.icps = IcpRepo(db, clock)
        self.expansions = ExpansionRepo(db, clock)
        self.companies = CompanyRepo(db, clock)
        self.leads = LeadRepo(db, clock)
        self.learning = LearningRepo(db)
        self.verdicts = VerdictRepo(db, clock)
        self.review = ReviewRepo(db)
        self.dossiers = DossierRepo(db, clock)
        self.outbox = OutboxRepo(db, clock)
        self.embeddings = EmbeddingRepo(db, clock)
        self.experiments = ExperimentRepo(db, clock)
        self.finding = FindingRepo(db)
        self.prompts = PromptRepo(db, clock)
        self.choosing = ChoosingRepo(db, clock)
        self.sketches = SketchRepo(db)
        self.schedule = ScheduleRepo(db, clock)

    @classmethod
    async def open(cls, folder: Path, *, clock: Clock, readers: int = 3, file: Path | None = None) -> Store:
        """Open `leadd.db` in `folder` (or `file`), made or migrated where needed. Raises StoreError, StoreTooNew."""
        return cls(await Database.open(file or folder / FILE_NAME, clock=clock, readers=readers), clock)

    async def release_stale(self, owner: str) -> int:
        """At boot, before any work: free what earlier owners had leased when they died. How many rows."""
        signals = await self.signals.release_stale(owner)
        return signals + await self.dossiers.release_stale(owner) + await self.outbox.release_stale(owner)

    async def close(self) -> None:
        """Finish the writes that wait and close. May be called twice."""
        await self.db.close()
