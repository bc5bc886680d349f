"""A gateway opens sessions in its scope and nowhere else; what is out of it is answered like what is not there."""

import pytest
from tests.support.authority_lab import OPS, AuthorityLab, LabSignIn
from tests.support.proofs import asking

from doorward.authority.callers import GatewayCaller
from doorward.authority.operations.admission import SessionRefused
from doorward.domain.access.gateway_scope import Scope
from doorward.domain.sessions.states import EndReason, SessionState

NODE = "kind: node\nversion: v1\nmetadata: {name: prod-web-01, labels: {%s}}\nspec: {address: '192.0.2.80:22'}\n"


@pytest.fixture
async def bob(lab: AuthorityLab) -> LabSignIn:
    await lab.declare(OPS)
    await lab.node("prod-web-01", {"env": "prod", "team": "web"})
    await lab.node("prod-db-01", {"env": "prod", "team": "db"})
    await lab.node("prod-core-01", {"env": "prod", "criticality": "critical"})
    return await lab.signed_in("bob", "ops")


async def opened(lab: AuthorityLab, who: LabSignIn, node: str, gateway: GatewayCaller) -> str | None:
    """The session's id, or None where it is refused."""
    try:
        return (await lab.ask(asking(lab, who, f"dwt-root@{node}"), gateway)).session_id
    except SessionRefused:
        return None


@pytest.mark.parametrize(
    ("scope", "reached"),
    [
        ({"*": ("*",)}, ["prod-web-01", "prod-db-01", "prod-core-01"]),
        ({}, ["prod-web-01", "prod-db-01"]),
        ({"team": ("web",)}, ["prod-web-01"]),
        ({"criticality": ("critical",)}, ["prod-core-01"]),
        ({"team": ("nobody",)}, []),
    ],
)
async def test_gateway_opens_what_is_in_its_scope(
    lab: AuthorityLab, bob: LabSignIn, scope: Scope, reached: list[str]
) -> None:
    gateway = await lab.add_gateway("far", "far.example", scope=scope)
    nodes = ("prod-web-01", "prod-db-01", "prod-core-01")
    assert [node for node in nodes if await opened(lab, bob, node, gateway) is not None] == reached


async def test_what_is_out_of_scope_is_answered_like_what_is_not_there_and_the_log_says_why(
    lab: AuthorityLab, bob: LabSignIn
) -> None:
    gateway = await lab.add_gateway("far", "far.example", scope={"team": ("web",)})
    lines = set()
    for node in ("prod-db-01", "no-such-node"):
        with pytest.raises(SessionRefused) as caught:
            await lab.ask(asking(lab, bob, f"dwt-root@{node}"), gateway)
        lines.add(caught.value.message.replace(node, "NODE"))
    assert len(lines) == 1
    reasons = [one.fields["reason"] for one in await lab.events("session.refused")]
    assert reasons == ["gateway_scope", "not_allowed"]
    assert [one.fields["outcome"] for one in await lab.events("decision.made")] == ["allow", "deny"]


async def test_scope_gives_nobody_anything(lab: AuthorityLab, bob: LabSignIn) -> None:
    await lab.node("dev-web-01", {"env": "dev", "team": "web"})
    gateway = await lab.add_gateway("far", "far.example", scope={"team": ("web",)})
    assert await opened(lab, bob, "dev-web-01", gateway) is None
    assert [one.fields["reason"] for one in await lab.events("session.refused")] == ["not_allowed"]


async def test_node_that_leaves_the_scope_leaves_the_gateway(lab: AuthorityLab, bob: LabSignIn) -> None:
    admin = await lab.signed_in("ada", "admin", "auditor")
    near, far = lab.gateway, await lab.add_gateway("far", "far.example", scope={"team": ("web",)})
    stays, leaves = await opened(lab, bob, "prod-web-01", near), await opened(lab, bob, "prod-web-01", far)
    assert stays is not None
    assert leaves is not None
    await lab.apply(admin, NODE % "env: prod, team: db")
    assert (await lab.session(stays)).state is SessionState.OPENING
    row = await lab.session(leaves)
    assert (row.state, row.end_reason) == (SessionState.ENDING, EndReason.POLICY_CHANGED)
    assert [one.message for one in await lab.cuts(gateway=far)] == [
        "the node is not reached through this gateway any more"
    ]
