"""Who stands by for a role."""

from leadd.api import Role
from leadd.config.entries import CandidateModel, RoleModel
from leadd.config.settings import ModelSettings
from leadd.daemon.roles import role_plans


def names(settings: ModelSettings, role: Role, servers: tuple[str, ...] = ("ollama",)) -> list[tuple[str, str, str]]:
    return [(plan.use, plan.model, plan.when) for plan in role_plans(settings, servers).get(role, [])]


def test_the_shipped_models_stand_alone_but_for_want_of_memory() -> None:
    plans = role_plans(ModelSettings(), {"ollama"})
    assert list(plans) == [Role.TRIAGE, Role.CLASSIFY, Role.DOSSIER]
    assert [(p.model, p.num_ctx, p.when, p.optional) for p in plans[Role.CLASSIFY]] == [
        ("gemma3:4b", 4096, "any", False),
        ("gemma3:4b-it-qat", 4096, "memory", True),
        ("gemma3:1b", 2048, "memory", True),
    ]
    assert [p.model for p in plans[Role.TRIAGE]] == ["gemma3:1b", "gemma3:1b-it-qat"]


def test_candidates_come_in_their_order_and_servers_that_are_not_open_are_left_out() -> None:
    entry = RoleModel(
        model="mine:1b",
        candidates=[CandidateModel(model="mine:1b", use="attic"), CandidateModel(model="other", use="gone", num_ctx=8192)],
    )
    settings = ModelSettings(triage=entry)
    assert names(settings, Role.TRIAGE, ("ollama", "attic")) == [("ollama", "mine:1b", "any"), ("attic", "mine:1b", "any")]
    assert names(settings, Role.TRIAGE, ("attic",)) == [("attic", "mine:1b", "any")]
    assert names(settings, Role.TRIAGE, ()) == []
    assert names(settings, Role.EMBED) == []


def test_no_model_stands_by_for_itself() -> None:
    settings = ModelSettings(classify=RoleModel(model="gemma3:1b"), triage=RoleModel(model="gemma3:1b"))
    assert names(settings, Role.CLASSIFY) == [("ollama", "gemma3:1b", "any")]
