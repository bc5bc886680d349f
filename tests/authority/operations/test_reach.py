"""What someone may reach, and why: what they may not know of does not exist for them."""

import pytest
from tests.support.authority_lab import OPS, AuthorityLab, LabSignIn
from tests.support.proofs import open_as

from doorward.api.bodies.access import Explain, Explanation
from doorward.authority.operations.reach import explain_access, list_nodes
from doorward.authority.rights import NoRight
from doorward.base.errors import DoorwardError, Missing


@pytest.fixture
async def bob(lab: AuthorityLab) -> LabSignIn:
    await lab.declare(OPS)
    await lab.node("prod-web-01", {"env": "prod"})
    await lab.node("prod-new-01", {"env": "prod"}, verified=False)
    await lab.node("dev-web-01", {"env": "dev"})
    return await lab.signed_in("bob", "ops")


async def explain(
    lab: AuthorityLab, who: LabSignIn, node: str, login: str = "dwt-root", user: str | None = None
) -> Explanation:
    return await explain_access(lab.services, who.caller, Explain(node, login, user))


async def test_list_holds_what_may_be_known_with_its_logins(lab: AuthorityLab, bob: LabSignIn) -> None:
    found = await list_nodes(lab.services, bob.caller)
    assert [(one.name, one.logins, one.verified) for one in found] == [
        ("prod-new-01", ["dwt-root"], False),
        ("prod-web-01", ["dwt-root"], True),
    ]


async def test_administrator_reaches_nothing_by_being_one(lab: AuthorityLab, bob: LabSignIn) -> None:
    ada = await lab.signed_in("ada", "admin")
    assert await list_nodes(lab.services, ada.caller) == []


async def test_list_and_opening_agree(lab: AuthorityLab, bob: LabSignIn) -> None:
    listed = {(one.name, login) for one in await list_nodes(lab.services, bob.caller) for login in one.logins}
    for node in ("prod-web-01", "dev-web-01", "nowhere"):
        for login in ("dwt-root", "root"):
            opened = True
            try:
                await open_as(lab, bob, f"{login}@{node}")
            except DoorwardError:
                opened = False
            assert opened == ((node, login) in listed)


async def test_explaining_what_would_open_tells_its_obligations(lab: AuthorityLab, bob: LabSignIn) -> None:
    answer = await explain(lab, bob, "prod-web-01")
    assert answer.allowed
    assert answer.obligations["recording"] == "output"


async def test_what_is_allowed_and_can_not_open_is_not_called_open(lab: AuthorityLab, bob: LabSignIn) -> None:
    unverified = await explain(lab, bob, "prod-new-01")
    assert not unverified.allowed
    assert "not verified yet" in unverified.lines[-1]
    await lab.declare(OPS.replace("name: ops", "name: keyed") + "  options: {require_session_mfa: webauthn}\n")
    eve = await lab.signed_in("eve", "keyed")
    answer = await explain(lab, eve, "prod-web-01")
    assert not answer.allowed
    assert "passkey" in answer.lines[-1]


async def test_node_in_no_gateways_scope_is_not_called_open(lab: AuthorityLab, bob: LabSignIn) -> None:
    for joined in await lab.read(lambda tx: tx.gateways.list()):
        await lab.disable_gateway(joined.id)
    await lab.add_gateway("far", "far.example", scope={"team": ("db",)})
    answer = await explain(lab, bob, "prod-web-01")
    assert not answer.allowed
    assert "in the scope of no gateway" in answer.lines[-1]
    assert not any("gateway" in line for line in (await explain(lab, bob, "dev-web-01")).lines)
    near = await lab.add_gateway("near", "near.example", scope={"env": ("prod",)})
    assert (await explain(lab, bob, "prod-web-01")).allowed
    await lab.disable_gateway(near.gateway_id)
    assert not (await explain(lab, bob, "prod-web-01")).allowed


async def test_forbidden_and_unknown_nodes_are_explained_alike(lab: AuthorityLab, bob: LabSignIn) -> None:
    forbidden, unknown = await explain(lab, bob, "dev-web-01"), await explain(lab, bob, "nowhere-at-all")
    assert not forbidden.allowed
    assert [line.replace("dev-web-01", "NODE") for line in forbidden.lines] == [
        line.replace("nowhere-at-all", "NODE") for line in unknown.lines
    ]


async def test_unknown_node_is_not_allowed_even_to_who_matches_everything(lab: AuthorityLab) -> None:
    await lab.declare(OPS.replace("{env: prod}", '{"*": "*"}'))
    bob = await lab.signed_in("bob", "ops")
    assert not (await explain(lab, bob, "nowhere")).allowed


async def test_somebody_elses_access_needs_rights_over_both(lab: AuthorityLab, bob: LabSignIn) -> None:
    with pytest.raises(NoRight):
        await explain(lab, bob, "prod-web-01", user="olga")
    olga = await lab.signed_in("olga", "auditor")
    assert (await explain(lab, olga, "prod-web-01", user="bob")).allowed
    with pytest.raises(Missing):
        await explain(lab, olga, "prod-web-01", user="nobody")


async def test_own_name_needs_no_right(lab: AuthorityLab, bob: LabSignIn) -> None:
    assert (await explain(lab, bob, "prod-web-01", user="bob")).allowed


async def test_right_over_people_is_none_over_nodes(lab: AuthorityLab, bob: LabSignIn) -> None:
    """Else whoever may read users and roles would learn which nodes there are, through others' eyes."""
    await lab.declare(
        "kind: role\nversion: v8\nmetadata: {name: people}\n"
        "spec: {allow: {rules: [{resources: [user, role], verbs: [read]}]}}\n"
    )
    olga = await lab.signed_in("olga", "people")
    known, unknown = [await explain(lab, olga, node, user="bob") for node in ("prod-web-01", "nowhere")]
    assert (known.allowed, known.lines) == (unknown.allowed, unknown.lines) == (False, unknown.lines)
    carol = await lab.signed_in("carol", "people", "ops")
    assert (await explain(lab, carol, "prod-web-01", user="bob")).allowed
    assert not (await explain(lab, carol, "dev-web-01", user="bob")).allowed
