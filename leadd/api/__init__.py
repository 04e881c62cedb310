"""All that a plugin may import: types, components, hooks, errors, clock."""

from leadd.api.answers import Bucket, Classification, DossierAnswer, Method, Role, TriageAnswer
from leadd.api.clock import Clock, SystemClock
from leadd.api.components import (
    CacheBackend,
    CacheEntry,
    CacheStats,
    Component,
    ComponentConfig,
    Context,
    Guarantee,
    Http,
    HttpReply,
    Model,
    SecretReader,
    Sink,
    Source,
)
from leadd.api.errors import LeaddError, NeedsAttention, Reject, Retry
from leadd.api.hookspecs import LeaddSpec
from leadd.api.icp import Icp, IcpField
from leadd.api.leads import Lead, LeadSignal, Receipt
from leadd.api.models import (
    Capabilities,
    Chunk,
    Failure,
    Health,
    LoadedModel,
    Message,
    ModelFailure,
    ModelRequest,
    Reply,
    Subject,
    Usage,
)
from leadd.api.secrets import SecretRef
from leadd.api.signals import Checkpoint, Contact, Problem, Signal, SignalDraft, SourceItem

__all__ = [
    "Bucket", "CacheBackend", "CacheEntry", "CacheStats", "Capabilities", "Checkpoint", "Chunk", "Classification", "Clock",
    "Component", "ComponentConfig", "Contact", "Context", "DossierAnswer", "Failure", "Guarantee", "Health", "Http",
    "HttpReply", "Icp", "IcpField", "Lead", "LeadSignal", "LeaddError", "LeaddSpec", "LoadedModel", "Message", "Method",
    "Model", "ModelFailure", "ModelRequest", "NeedsAttention", "Problem", "Receipt", "Reject", "Reply", "Retry", "Role",
    "SecretReader", "SecretRef", "Signal", "SignalDraft", "Sink", "Source", "SourceItem", "Subject", "SystemClock",
    "TriageAnswer", "Usage",
]  # fmt: skip
