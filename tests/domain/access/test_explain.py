"""Explanations tell why, and nothing of what the asker may not know."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.policy import EVERYTHING, NOW, ask, grant, node, person, role, wide

from doorward.domain.access.decide import decide
from doorward.domain.access.explain import REASONS, UNKNOWN_LINE, explain, obligation_lines
from doorward.domain.access.known import may_know
from doorward.domain.access.levels import DeviceTrust, SecondFactor
from doorward.domain.access.locks import Lock
from doorward.domain.access.obligations import FIELDS, Obligations
from doorward.domain.access.question import Context, Target, Wanted
from doorward.domain.access.verdict import Reason
from doorward.domain.recording.levels import RecordingLevel

ROOT = Wanted(login="root")
PROD = node({"env": "prod"})
README = Path(__file__).parents[3] / "README.md"


def test_a_resource_is_known_by_the_labels_of_a_held_role_alone() -> None:
    held = person(role(allow={"node_labels": {"env": "prod"}}))
    assert may_know(held, PROD, NOW)
    assert not may_know(held, node(), NOW)
    assert not may_know(person(), PROD, NOW)
    assert not may_know(held, node({"env": "prod"}, kind="db"), NOW)
    assert not may_know(held, Target("spaceship", "x", "x", {"env": "prod"}), NOW)


def test_a_denied_resource_stays_known() -> None:
    assert may_know(person(wide(), role("d", deny={"node_labels": EVERYTHING})), PROD, NOW)


def test_an_expression_that_fails_makes_nothing_known() -> None:
    failing = role(allow={"node_labels_expression": 'contains(email.local(user.spec.traits["m"]), "a")'})
    assert not may_know(person(failing, traits={"m": ["x"]}), PROD, NOW)


def test_unknown_resources_get_one_answer_whatever_the_decision() -> None:
    for prepared in (person(), person(wide())):
        assert explain(ask(prepared, PROD), PROD, ROOT, knows=False) == (UNKNOWN_LINE,)


def test_allowed_is_explained_with_role_basis_and_obligations() -> None:
    lines = explain(ask(person(wide(options={"require_mfa": "webauthn"})), PROD), PROD, ROOT, knows=True)
    assert lines[0] == "allowed: login root on node web-01"
    assert lines[1] == "on the basis of standing roles, until 2026-01-01T20:00:00Z"
    assert "wide: allow.logins matches (root)" in lines
    assert "asks for a security key" in lines
    assert "not permitted: local forwarding, remote forwarding, agent forwarding" in lines
    granted = ask(person(grants=(grant(wide(), on=PROD),)), PROD)
    assert "on the basis of grant g1" in explain(granted, PROD, ROOT, knows=True)[1]


def test_denied_is_explained_by_role_and_rule() -> None:
    fence = role("fence", deny={"node_labels": {"env": "prod"}})
    lines = explain(ask(person(wide(), fence), PROD), PROD, ROOT, knows=True)
    assert lines[:3] == (
        "denied: login root on node web-01",
        "because a role denies it",
        "fence: deny.node_labels matches (env)",
    )


def test_a_lock_shows_its_message_to_the_person_and_its_name_to_an_overseer() -> None:
    lock = Lock("incident-7", (("user", "alice"),), "call the desk")
    decision = decide(person(wide()), PROD, ROOT, (lock,), Context(), NOW)
    assert "lock: call the desk" in explain(decision, PROD, ROOT, knows=True)
    assert not any("incident-7" in line for line in explain(decision, PROD, ROOT, knows=True))
    assert any("incident-7" in line for line in explain(decision, PROD, ROOT, knows=True, overseer=True))


def test_every_reason_has_words() -> None:
    assert set(REASONS) == set(Reason)


STRICT = Obligations(
    max_session_ttl=timedelta(hours=1),
    client_idle_timeout=timedelta(minutes=3),
    max_sessions=2,
    max_connections=4,
    require_session_mfa=SecondFactor.WEBAUTHN,
    mfa_verification_interval=timedelta(minutes=11),
    device_trust=DeviceTrust.REQUIRED,
    recording=RecordingLevel.STRICT,
    port_forwarding_local=True,
    port_forwarding_remote=True,
    file_copy=False,
    permit_shell=False,
    permit_exec=False,
    forward_agent=True,
    pin_source_ip=True,
    lock=timedelta(),
    on_control_loss=timedelta(),
)


@pytest.mark.parametrize("name", [name for name, _ in FIELDS])
def test_every_obligation_is_told(name: str) -> None:
    """Whatever is not the default is seen in the lines; an interval matters where a factor is asked for."""
    asking = Obligations(require_session_mfa=SecondFactor.YES)
    assert getattr(STRICT, name) != getattr(asking, name)
    changed = replace(asking, **{name: getattr(STRICT, name)})
    assert obligation_lines(changed) != obligation_lines(asking)


@pytest.mark.parametrize("trust", [trust for trust in DeviceTrust if trust is not DeviceTrust.OFF])
def test_every_demand_on_the_device_has_words_of_its_own(trust: DeviceTrust) -> None:
    told = {obligation_lines(Obligations(device_trust=one)) for one in DeviceTrust if one is not trust}
    assert obligation_lines(Obligations(device_trust=trust)) not in told


def test_the_tour_shows_every_line_of_an_allow() -> None:
    """In the README, where a role sets no option: whoever follows it compares it line by line."""
    shown = "".join(f"  {line}\n" for line in obligation_lines(Obligations()))
    assert shown in README.read_text()
