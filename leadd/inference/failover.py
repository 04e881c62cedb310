"""The way of one question through the candidates of its role, until one of them answers or none is left."""

from __future__ import annotations

from functools import partial

from leadd.api import Failure, ModelFailure, ModelRequest, Role
from leadd.inference.calls import Caller, Diverted, Result
from leadd.inference.figures import Figures
from leadd.inference.flights import Flight, copy_of
from leadd.inference.requests import Requests
from leadd.inference.retries import is_outage
from leadd.inference.servers.seats import Seat, Seating


class Course:
    """Who was asked for one flight, and how it went. `seat` and `request` are those of the candidate whose turn it is."""

    def __init__(
        self, flight: Flight, seat: Seat, request: ModelRequest, *, seating: Seating, requests: Requests, figures: Figures
    ) -> None:
        self.seat = seat
        self.request = request
        self._flight = flight
        self._seating = seating
        self._requests = requests
        self._figures = figures
        self._failed: dict[Seat, ModelFailure] = {}
        self._passed: set[Seat] = set()
        self._has_others = len(seating.seats(seat.role)) > 1
        self.has_moved = False
        """Whether the candidate is another one than at first."""

    @property
    def key(self) -> str:
        """The key of the answer that the candidate would give."""
        return self._requests.key(self.seat, self.request, self._flight.question)

    async def ask(self, caller: Caller) -> Result | None:
        """The candidate's answer; None where another candidate's turn has come. Raises ModelFailure where none is left."""
        seat = self.seat
        try:
            return await caller.answer(self._flight, seat, self.request, self._spare)
        except Diverted:
            self._passed.add(seat)
        except ModelFailure as failure:
            self._failed[seat] = failure
        following = self._following()
        if following is None:
            raise self._verdict()
        self._flight.begin_again()
        self._go_to(following)
        return None

    def _spare(self) -> bool:
        if not self._has_others:
            return False
        return self._seating.has_spare(self.seat, {*self._failed, *self._passed})

    def _following(self) -> Seat | None:
        memory = any(failure.kind is Failure.OUT_OF_MEMORY for failure in self._failed.values())
        choose = partial(self._seating.choose, self.seat.role, memory=memory)
        # One that was passed by because of a doubt is better than none.
        return choose({*self._failed, *self._passed}) or choose(self._failed.keys())

    def _go_to(self, seat: Seat) -> None:
        self._figures.of(seat.method, seat.role).failovers += 1
        self.has_moved = True
        self.seat, self.request = seat, self._requests.make(seat, self._flight.question)

    def _verdict(self) -> ModelFailure:
        """The failure of the whole. A fault of the answer counts before an outage: else a text that only the last candidate was
        asked about, and failed at, would come back for ever without being charged."""
        failures = list(self._failed.values())
        if not failures:
            return copy_of(self.seat.problem or ModelFailure(Failure.BUSY, f"{self.seat.name} is being looked after"))
        faults = [failure for failure in failures if not is_outage(failure)]
        if not faults:
            return failures[0]
        last = faults[-1]
        if last.kind is Failure.TOO_LONG and len(failures) > 1 and is_outage(failures[0]):
            return failures[0]  # too long for the one that stands in, not for the one it was made for
        return last


def instead_of(seating: Seating, seat: Seat, role: Role) -> str:
    """The name of the first choice, where `seat` is another one; else ''."""
    planned = seating.planned(role)
    return "" if planned is None or planned is seat or seat not in seating.seats(role) else planned.name
