"""All routes in one table, and the documents that are made from it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from leadd.config.listing import show
from leadd.control.house import House
from leadd.control.metrics import Metrics
from leadd.control.openapi import document
from leadd.control.router import Route
from leadd.control.routes.cache import CacheRoutes
from leadd.control.routes.classify import ClassifyRoutes
from leadd.control.routes.events import EventRoutes
from leadd.control.routes.experiments import ExperimentRoutes
from leadd.control.routes.flow import FlowRoutes
from leadd.control.routes.icp import IcpRoutes
from leadd.control.routes.improve import ImproveRoutes
from leadd.control.routes.ingest import IngestRoutes
from leadd.control.routes.leads import LeadRoutes
from leadd.control.routes.models import ModelRoutes
from leadd.control.routes.prefilter import PrefilterRoutes
from leadd.control.routes.prompts import PromptRoutes
from leadd.control.routes.review import ReviewRoutes
from leadd.control.routes.signals import SignalRoutes
from leadd.control.routes.system import SystemRoutes
from leadd.control.routes.training import TrainingRoutes
from leadd.control.routes.tune import TuneRoutes


class Table:
    """The routes over one house."""

    def __init__(self, house: House, metrics: Metrics) -> None:
        system = SystemRoutes(house, metrics, lambda: self.openapi, lambda: show(house.loaded))
        areas = (
            ClassifyRoutes(house),
            CacheRoutes(house),
            IcpRoutes(house),
            LeadRoutes(house),
            ReviewRoutes(house),
            TrainingRoutes(house),
            TuneRoutes(house),
            SignalRoutes(house),
            PrefilterRoutes(house),
            IngestRoutes(house),
            FlowRoutes(house),
            EventRoutes(house),
            ModelRoutes(house),
            PromptRoutes(house),
            ImproveRoutes(house),
            ExperimentRoutes(house),
            system,
        )
        self.routes: tuple[Route, ...] = tuple(route for area in areas for route in area.table())

    @cached_property
    def openapi(self) -> Mapping[str, Any]:
        """The interface as OpenAPI, made on first use: it takes some tens of milliseconds that a start should not pay."""
        return document(self.routes)
