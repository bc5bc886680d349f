"""The rules of the decision, one promise at a time; those in which we differ from Teleport are named traps."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.policy import EVERYTHING, NOW, allowed, allows, ask, denied, node, person, role, wide

from doorward.domain.access.decide import decide
from doorward.domain.access.levels import SecondFactor
from doorward.domain.access.listing import logins_on
from doorward.domain.access.question import Context, Target, Wanted
from doorward.domain.access.verdict import STANDING, Allow, Outcome, Reason
from doorward.domain.recording.levels import RecordingLevel

PROD = node({"env": "prod"})


def test_nobody_may_do_anything_without_a_role() -> None:
    decision = denied(ask(person()))
    assert decision.reasons == (Reason.NOT_ALLOWED,)
    assert decision.trace == ()


def test_one_role_must_match_labels_and_login_together() -> None:
    prod = role("prod", {"logins": ["viewer"], "node_labels": {"env": "prod"}})
    dev = role("dev", {"logins": ["root"], "node_labels": {"env": "dev"}})
    assert allows(person(prod, dev), PROD, "viewer")
    assert not allows(person(prod, dev), PROD, "root")


def test_empty_selector_matches_nothing() -> None:
    assert not allows(person(role(allow={"logins": ["root"], "node_labels": {}})), PROD)
    assert not allows(person(role(allow={"logins": ["root"], "node_labels": {"env": []}})), PROD)


def test_trap_empty_labels_beside_an_expression_match_nothing() -> None:
    held = role(allow={"logins": ["root"], "node_labels": {}, "node_labels_expression": 'labels["env"] == "prod"'})
    assert not allows(person(held), PROD)


def test_a_listed_star_accepts_the_empty_value_but_not_a_missing_key() -> None:
    held = person(role(allow={"logins": ["root"], "node_labels": {"env": "*"}}))
    assert allows(held, node({"env": ""}))
    assert not allows(held, node())


@pytest.mark.parametrize("value", ["prod", "^prod$", "prod*", "^pro.*$", "*d"])
def test_trap_a_trailing_newline_is_not_the_value(value: str) -> None:
    held = person(role(allow={"logins": ["root"], "node_labels": {"env": value}}))
    assert allows(held, PROD)
    assert not allows(held, node({"env": "prod\n"}))


@pytest.mark.parametrize("value", ["prod*", "^prod.*$"])
def test_trap_a_trailing_newline_does_not_slip_past_a_deny(value: str) -> None:
    assert not allows(person(wide(), role("d", deny={"node_labels": {"env": value}})), node({"env": "prod\n"}))


def test_trap_missing_trait_in_a_deny_label_denies_all_of_the_kind() -> None:
    fence = role("fence", deny={"node_labels": {"env": "{{external.blocked}}"}})
    for target in (PROD, node({"env": "dev"}), node()):
        decision = denied(ask(person(wide(), fence), target))
        assert Reason.BROKEN_RULE in decision.reasons
        assert decision.trace[0].source == "fence"
        assert decision.trace[0].outcome is Outcome.BROKEN
        assert "blocked" in decision.trace[0].value
    assert allows(person(wide(), fence, traits={"blocked": ["prod"]}), node({"env": "dev"}))
    assert not allows(person(wide(), fence, traits={"blocked": ["prod"]}), PROD)


def test_trap_an_empty_trait_in_a_deny_denies_too() -> None:
    fence = role("fence", deny={"node_labels": {"env": "{{external.blocked}}"}})
    assert not allows(person(wide(), fence, traits={"blocked": []}), PROD)


def test_trap_missing_trait_in_a_deny_login_denies() -> None:
    fence = role("fence", deny={"logins": ["{{external.blocked}}"]})
    assert not allows(person(wide(), fence), PROD)
    assert allows(person(wide(), fence, traits={"blocked": ["admin"]}), PROD)


def test_trap_missing_trait_in_a_deny_expression_denies() -> None:
    fence = role("fence", deny={"node_labels_expression": 'contains(user.spec.traits["blocked"], labels["env"])'})
    assert not allows(person(wide(), fence), PROD)
    assert allows(person(wide(), fence, traits={"blocked": ["dev"]}), PROD)


def test_missing_trait_in_allow_drops_the_entry_and_keeps_the_others() -> None:
    held = role(allow={"logins": ["{{external.unix}}", "root"], "node_labels": {"env": ["{{external.envs}}", "dev"]}})
    assert not allows(person(held), PROD)
    assert allows(person(held), node({"env": "dev"}))
    assert allows(person(held, traits={"envs": ["prod"]}), PROD)


@pytest.mark.parametrize("value", ["*", "^.*$", "pro*", "{{external.envs}}"])
def test_trait_values_match_literally(value: str) -> None:
    held = role(allow={"logins": ["root"], "node_labels": {"env": "{{external.envs}}"}})
    assert not allows(person(held, traits={"envs": [value]}), PROD)
    assert allows(person(held, traits={"envs": [value]}), node({"env": value}))


def test_trait_value_inside_a_regular_expression_is_only_text() -> None:
    held = role(allow={"logins": ["root"], "node_labels": {"env": "^{{external.envs}}-[0-9]+$"}})
    assert allows(person(held, traits={"envs": ["prod"]}), node({"env": "prod-1"}))
    assert not allows(person(held, traits={"envs": ["pro.|x"]}), node({"env": "prod-1"}))
    assert not allows(person(held, traits={"envs": ["x|prod"]}), node({"env": "prod-1"}))


def test_a_trait_is_no_wildcard_login_and_no_wildcard_deny() -> None:
    held = role(allow={"logins": ["{{external.unix}}"], "node_labels": EVERYTHING})
    assert not allows(person(held, traits={"unix": ["*"]}), PROD, "*")
    assert not allows(person(held, traits={"unix": ["*"]}), PROD, "root")
    fence = role("fence", deny={"logins": ["{{external.unix}}"]})
    assert not allows(person(wide(), fence, traits={"unix": ["*"]}), PROD)  # can not be a login: broken, so it denies


def test_star_denies_every_login() -> None:
    assert not allows(person(wide(), role("d", deny={"logins": ["*"]})), PROD)


def test_trap_deny_labels_or_deny_logins_are_each_enough() -> None:
    held = person(wide("root", "admin"), role("d", deny={"logins": ["root"], "node_labels": {"env": "prod"}}))
    assert not allows(held, PROD, "admin")
    assert not allows(held, node({"env": "dev"}), "root")
    assert allows(held, node({"env": "dev"}), "admin")


def test_trap_two_keys_of_one_deny_map_are_both_needed() -> None:
    held = person(wide(), role("d", deny={"node_labels": {"env": "prod", "region": "eu"}}))
    assert allows(held, PROD)
    assert not allows(held, node({"env": "prod", "region": "eu"}))


def test_an_expression_that_fails_on_the_allow_side_denies_whatever_other_roles_say() -> None:
    broken = role(
        "broken",
        {
            "logins": ["root"],
            "node_labels_expression": 'contains(email.local(user.spec.traits["mail"]), labels["owner"])',
        },
    )
    held = person(wide(), broken, traits={"mail": ["no address"]})
    decision = denied(ask(held, PROD))
    assert decision.reasons == (Reason.BROKEN_RULE,)
    assert any(step.source == "broken" and step.outcome is Outcome.BROKEN for step in decision.trace)
    assert logins_on(held, PROD, (), NOW) == ()


def test_strictest_option_of_all_matching_roles_wins_and_others_do_not_vote() -> None:
    lax = wide("root", name="lax", options={"max_session_ttl": "12h", "permit_exec": True})
    tight = wide("root", name="tight", options={"max_session_ttl": "10m", "require_mfa": True})
    other_login = wide("deploy", name="other", options={"max_session_ttl": "1m"})
    obligations = allowed(ask(person(lax, tight, other_login), PROD)).obligations
    assert obligations.max_session_ttl == timedelta(minutes=10)
    assert obligations.require_session_mfa is SecondFactor.YES
    assert obligations.recording is RecordingLevel.OUTPUT
    assert allowed(ask(person(lax), PROD)).obligations.max_session_ttl == timedelta(hours=12)


def test_recording_asked_for_databases_does_not_concern_nodes() -> None:
    held = wide("root", options={"record_session": {"db": "strict", "default": "none"}})
    assert allowed(ask(person(held), PROD)).obligations.recording is RecordingLevel.NONE
    both = person(held, wide("root", name="more", options={"record_session": {"ssh": "strict"}}))
    assert allowed(ask(both, PROD)).obligations.recording is RecordingLevel.STRICT


def test_demand_of_the_installation_is_added_to_what_roles_ask() -> None:
    context = Context(least_mfa=SecondFactor.WEBAUTHN)
    assert allowed(ask(person(wide()), PROD, context=context)).obligations.require_session_mfa is SecondFactor.WEBAUTHN


def test_allow_ends_with_the_session_length_or_the_sign_in() -> None:
    assert allowed(ask(person(wide()), PROD)).until == NOW + timedelta(hours=8)
    ends = NOW + timedelta(minutes=5)
    assert allowed(ask(person(wide()), PROD, context=Context(sign_in_ends=ends))).until == ends
    assert denied(ask(person(wide()), PROD, context=Context(sign_in_ends=NOW))).reasons == (Reason.OVER,)


def test_the_end_of_time_is_no_error() -> None:
    late = datetime.max.replace(tzinfo=UTC)
    assert isinstance(decide(person(wide()), PROD, Wanted(login="root"), (), Context(), late), Allow)


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        (PROD, Wanted()),
        (PROD, Wanted(db_user="root")),
        (PROD, Wanted(login="root", db_user="root")),
        (node(kind="db"), Wanted(db_user="app")),
        (node(kind="windows_desktop"), Wanted(login="root")),
        (Target("spaceship", "x", "x", {}), Wanted(login="root")),
        (Target("spaceship", "x", "x", {}), Wanted(partial=True)),
    ],
)
def test_a_question_that_does_not_name_the_whole_account_is_denied(target: Target, wanted: Wanted) -> None:
    everything = role(
        allow={
            "logins": ["root"],
            "db_users": ["*"],
            "db_names": ["*"],
            "node_labels": EVERYTHING,
            "db_labels": EVERYTHING,
            "windows_desktop_labels": EVERYTHING,
        }
    )
    decision = denied(decide(person(everything), target, wanted, (), Context(), NOW))
    assert decision.reasons == (Reason.MALFORMED,)


def test_databases_are_decided_by_user_and_name_of_one_role() -> None:
    one = role("one", {"db_labels": EVERYTHING, "db_users": ["reader"], "db_names": ["*"]})
    two = role("two", {"db_labels": EVERYTHING, "db_users": ["*"], "db_names": ["logs"]})
    held, database = person(one, two), node(kind="db")
    for user, name, expected in (("reader", "shop", True), ("writer", "logs", True), ("writer", "shop", False)):
        decision = decide(held, database, Wanted(db_user=user, db_name=name), (), Context(), NOW)
        assert isinstance(decision, Allow) is expected


def test_trace_names_role_rule_and_value() -> None:
    miss = role("miss", {"logins": ["root"], "node_labels": {"env": "dev"}})
    trace = allowed(ask(person(miss, wide()), PROD)).trace
    assert [(step.source, step.rule, step.value, step.outcome) for step in trace] == [
        ("miss", "allow.node_labels", "env", Outcome.MISSED),
        ("wide", "allow.node_labels", "*", Outcome.MATCHED),
        ("wide", "allow.logins", "root", Outcome.MATCHED),
    ]
    assert allowed(ask(person(wide()), PROD)).basis == STANDING


def test_logins_of_kinds_without_logins_are_none() -> None:
    assert logins_on(person(wide()), node(kind="db"), (), NOW) == ()
    assert logins_on(person(wide()), node(kind="spaceship"), (), NOW) == ()
