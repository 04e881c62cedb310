"""What leadd learns on the machine it runs on: how far to trust each kind of evidence, and what can be proved."""

from leadd.learn.evidence.desk import FIRST_ANSWERS, SAMPLED_IN, Desk, Facts, Known
from leadd.learn.evidence.weighing import PRIOR, Joined, Weights, log_odds, probability, strength
from leadd.learn.proofs.experiments import Experiment
from leadd.learn.proofs.rare_errors import ErrorBound

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
