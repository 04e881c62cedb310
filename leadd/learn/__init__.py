"""What leadd learns on the machine it runs on: how far to trust each kind of evidence, and what can be proved."""

from leadd.learn.desk import FIRST_ANSWERS, SAMPLED_IN, Desk, Facts, Known
from leadd.learn.experiments import Experiment
from leadd.learn.rare_errors import ErrorBound
from leadd.learn.weighing import PRIOR, Joined, Weights, log_odds, probability, strength

__all__ = [
    "FIRST_ANSWERS",
    "PRIOR",
    "SAMPLED_IN",
    "Desk",
    "ErrorBound",
    "Experiment",
    "Facts",
    "Joined",
    "Known",
    "Weights",
    "log_odds",
    "probability",
    "strength",
]
