"""Experiments on prompts: started, looked at, ended."""

from __future__ import annotations

from leadd.control.call import Call
from leadd.control.errors import JSON
from leadd.control.house import House
from leadd.control.router import Route
from leadd.control.wire_experiments import ExperimentIn, ExperimentList, ExperimentOut
from leadd.core.prompts.experiment_state import ExperimentView


class ExperimentRoutes:
    """/api/experiments/…"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        area, one = "experiments", "/api/experiments/{name}"
        return (
            Route("GET", "/api/experiments", area, "Experiments on prompts, the latest first", self.list, ExperimentList),
            Route(
                "POST", "/api/experiments", area, "Ask a share of the companies with another version of a prompt", self.start,
                ExperimentOut, body=ExperimentIn, takes=(JSON,),
            ),
            Route("GET", one, area, "One experiment with its history; `latest` is the one that runs, else the last", self.show,
                  ExperimentOut),
            Route("POST", f"{one}/stop", area, "End an experiment; the version in force stays", self.stop, ExperimentOut),
            Route("POST", f"{one}/promote", area, "Put variant B in force for everybody", self.promote, ExperimentOut),
            Route("POST", f"{one}/rollback", area, "Ask everybody with variant A again", self.rollback, ExperimentOut),
        )  # fmt: skip

    async def list(self, call: Call) -> ExperimentList:
        """All there ever were."""
        return ExperimentList(items=[_out(view) for view in await self._house.experiments.list()])

    async def start(self, call: Call) -> ExperimentOut:
        """One at a time for each prompt."""
        asked: ExperimentIn = call.body
        b = asked.a if asked.same else asked.b
        return _out(
            await self._house.experiments.start(
                asked.prompt, asked.a, b, share=asked.share, name=asked.name or "", rule=asked.rule, same=asked.same
            )
        )

    async def show(self, call: Call) -> ExperimentOut:
        """With the evidence on its way."""
        return _out(await self._house.experiments.show(_name(call)))

    async def stop(self, call: Call) -> ExperimentOut:
        """Nothing changes but that nobody is drawn any more."""
        return _out(await self._house.experiments.stop(_name(call)))

    async def promote(self, call: Call) -> ExperimentOut:
        """Its cases have to hold."""
        return _out(await self._house.experiments.promote(_name(call)))

    async def rollback(self, call: Call) -> ExperimentOut:
        """Also after it was promoted."""
        return _out(await self._house.experiments.rollback(_name(call)))


def _name(call: Call) -> str | None:
    return None if call.name == "latest" else call.name


def _out(view: ExperimentView) -> ExperimentOut:
    return ExperimentOut.model_validate(view)
