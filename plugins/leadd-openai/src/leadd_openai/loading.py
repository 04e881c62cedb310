"""Loading models ahead of work and sending them out again, as far as these servers let others do that."""

from __future__ import annotations

from leadd.api import Clock, Failure, ModelFailure
from leadd_openai.answers import AnswerReader
from leadd_openai.catalog import Entry, text_of
from leadd_openai.failures import Refusal, says_loading
from leadd_openai.manners import Flavour
from leadd_openai.payloads import CHAT, first_question
from leadd_openai.survey import CATALOG_AGE_S, Survey
from leadd_openai.wire import Deadline, Wire

LOOK_EVERY_S = 1.0
_NO_CHAT = frozenset({Failure.MISSING_CAPABILITY, Failure.BAD_REQUEST, Failure.WRONG_SERVER, Failure.SERVER_ERROR})


class Loading:
    """Waits for a server's model, asks a first question of one, and sends one out of memory."""

    def __init__(self, wire: Wire, survey: Survey, clock: Clock) -> None:
        self._wire = wire
        self._survey = survey
        self._clock = clock

    async def ready(self, model: str, deadline: Deadline) -> Entry:
        """The model's entry once the server is ready to answer. Raises ModelFailure."""
        while True:
            try:
                return await self._survey.find(model, deadline, age_s=CATALOG_AGE_S)
            except ModelFailure as failure:
                if not says_loading(failure):
                    raise
            deadline.heard()
            await deadline.keep(self._clock.sleep(LOOK_EVERY_S))

    async def ask_once(self, entry: Entry, deadline: Deadline) -> None:
        """One token of an answer, or one vector where the model writes none. Shows as well whether log-probabilities come.

        Raises ModelFailure.
        """
        deadline.heard()
        refused = None
        if not entry.embeds_only:
            try:
                return await self._ask_token(entry, deadline)
            except Refusal as refusal:
                if refusal.kind not in _NO_CHAT:
                    raise
                refused = refusal
        try:
            await self._wire.post("/v1/embeddings", {"model": entry.id, "input": ["yes"]}, deadline)
        except Refusal as refusal:
            raise refused or refusal from None

    async def unload(self, model: str, deadline: Deadline) -> None:
        """Send a model out of memory: a router's or LM Studio's; nothing happens elsewhere. Raises ModelFailure."""
        catalog = await self._survey.known(deadline)
        entry = catalog.find(model)
        if entry is None:
            return
        if catalog.is_router:
            await self._wire.post("/models/unload", {"model": entry.id}, deadline)
        elif catalog.flavour is Flavour.LMSTUDIO:
            for instance in await self._instances(entry.id, deadline):
                await self._wire.post("/api/v1/models/unload", {"instance_id": instance}, deadline)

    async def _ask_token(self, entry: Entry, deadline: Deadline) -> None:
        manners = self._survey.manners
        payload = first_question(entry.id)
        if manners.logprobs is False:
            del payload["logprobs"], payload["top_logprobs"]
        try:
            answer = await self._wire.post(CHAT, payload, deadline)
        except Refusal as refusal:
            if "logprobs" not in payload or "logprobs" not in refusal.words:
                raise
            manners.logprobs = False
            return await self._ask_token(entry, deadline)
        reader = AnswerReader(entry.id, self._clock.monotonic_s)
        reader.take(answer)
        if "logprobs" in payload:
            manners.logprobs = reader.has_logprobs
        return None

    async def _instances(self, model: str, deadline: Deadline) -> list[str]:
        """LM Studio's names for the loaded copies of a model; none on versions that cannot unload."""
        try:
            answer = await self._wire.get("/api/v1/models", deadline)
        except ModelFailure as failure:
            if failure.kind is Failure.WRONG_SERVER:
                return []
            raise
        rows = answer.get("models")
        row = next((r for r in rows if isinstance(r, dict) and r.get("key") == model), {}) if isinstance(rows, list) else {}
        copies = row.get("loaded_instances")
        found = [text_of(copy, "id") for copy in copies if isinstance(copy, dict)] if isinstance(copies, list) else []
        return [name for name in found if name]
