"""Asking models. `Inference.ask` gives an answer that passed every rule, or raises a ModelFailure by name."""

from leadd.inference.inference import Inference
from leadd.inference.questions import (
    Answer,
    Availability,
    Check,
    Implausible,
    InferenceSettings,
    InferenceStats,
    Provenance,
    Question,
    RolePlan,
    RoleStats,
    WithoutModel,
    accept,
)
from leadd.inference.retries import is_outage

__all__ = [
    "Answer",
    "Availability",
    "Check",
    "Implausible",
    "Inference",
    "InferenceSettings",
    "InferenceStats",
    "Provenance",
    "Question",
    "RolePlan",
    "RoleStats",
    "WithoutModel",
    "accept",
    "is_outage",
]
