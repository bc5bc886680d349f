"""A critical resource: what every session on it owes, whatever its roles say, and what its trace says of that."""

from datetime import timedelta

import pytest
from tests.support.policy import allowed, ask, node, person, role

from doorward.domain.access.criticality import CRITICAL_STEP, is_critical, on_critical
from doorward.domain.access.obligations import NO_TIME, Obligations

ALLOW = {"logins": ["root"], "node_labels": {"*": "*"}}
CRITICAL = node({"criticality": "critical"})


@pytest.mark.parametrize("options", [{}, {"on_control_loss": "continue(1h)", "lock": "continue(1h)"}])
def test_session_on_a_critical_node_does_not_outlive_the_authoritys_sight(options: dict[str, str]) -> None:
    decision = allowed(ask(person(role("ops", ALLOW, options=options)), CRITICAL))
    assert (decision.obligations.on_control_loss, decision.obligations.lock) == (NO_TIME, NO_TIME)
    assert decision.trace[-1] == CRITICAL_STEP


@pytest.mark.parametrize(
    "labels", [{}, {"criticality": "high"}, {"criticality": ""}, {"reported/criticality": "critical"}]
)
def test_on_any_other_node_the_roles_say(labels: dict[str, str]) -> None:
    decision = allowed(ask(person(role("ops", ALLOW)), node(labels)))
    assert decision.obligations.on_control_loss == timedelta(minutes=5)
    assert CRITICAL_STEP not in decision.trace
    assert not is_critical(labels)


def test_nothing_becomes_laxer_by_it() -> None:
    strict = Obligations(max_session_ttl=timedelta(minutes=1), permit_shell=False, on_control_loss=NO_TIME)
    assert strict.merge(on_critical(strict)) == on_critical(strict)
