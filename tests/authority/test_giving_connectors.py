"""Whoever maps a provider's groups to roles gives those roles, and can give no other than they hold."""

import json
from typing import Any

import pytest
from tests.support.authority_lab import OPS, AuthorityLab, LabSignIn

from doorward.authority.changes import IssuerTaken, StillHeld, UnknownRole
from doorward.authority.giving import GivesTooMuch
from doorward.authority.operations.resources import delete_resource

CONNECTORS = """\
kind: role
version: v8
metadata: {name: connectors}
spec: {allow: {rules: [{resources: [oidc_connector], verbs: [create, update, delete]}]}}
"""


def connector(**changes: Any) -> str:
    spec = {"issuer": "https://id.example", "client_id": "doorward", "groups_claim": "groups", **changes}
    return json.dumps({"kind": "oidc_connector", "version": "v1", "metadata": {"name": "corp"}, "spec": spec})


@pytest.fixture
async def admin(lab: AuthorityLab) -> LabSignIn:
    await lab.declare(OPS)
    return await lab.signed_in("ada", "admin", "auditor")


@pytest.fixture
async def carol(lab: AuthorityLab, admin: LabSignIn) -> LabSignIn:
    await lab.declare(CONNECTORS)
    return await lab.signed_in("carol", "connectors")


async def test_nobody_maps_a_group_to_rights_that_they_lack(lab: AuthorityLab, carol: LabSignIn) -> None:
    with pytest.raises(GivesTooMuch):
        await lab.apply(carol, connector(groups_to_roles={"everyone": ["admin"]}))
    await lab.apply(carol, connector(groups_to_roles={"everyone": ["ops"]}))


@pytest.mark.parametrize(
    "change", [{"issuer": "https://evil.example"}, {"client_id": "other"}, {"groups_claim": "roles"}], ids=str
)
async def test_nobody_hands_the_word_over_what_others_mapped_to_somebody_else(
    lab: AuthorityLab, admin: LabSignIn, carol: LabSignIn, change: dict[str, str]
) -> None:
    mapped = {"groups_to_roles": {"admins": ["admin"]}}
    await lab.apply(admin, connector(**mapped))
    with pytest.raises(GivesTooMuch):
        await lab.apply(carol, connector(**mapped, **change))
    await lab.apply(carol, connector(**mapped, max_sign_in="1h"))  # what gives nothing may be changed


async def test_a_role_that_does_not_exist_is_not_mapped(lab: AuthorityLab, admin: LabSignIn) -> None:
    with pytest.raises(UnknownRole):
        await lab.apply(admin, connector(groups_to_roles={"everyone": ["gone"]}))


async def test_a_role_that_a_connector_gives_is_not_removed(lab: AuthorityLab, admin: LabSignIn) -> None:
    await lab.apply(admin, connector(groups_to_roles={"everyone": ["ops"]}))
    with pytest.raises(StillHeld):
        await delete_resource(lab.services, admin.caller, "role", "ops", None)
    await delete_resource(lab.services, admin.caller, "oidc_connector", "corp", None)
    await delete_resource(lab.services, admin.caller, "role", "ops", None)


async def test_two_connectors_do_not_speak_for_the_same_users(lab: AuthorityLab, admin: LabSignIn) -> None:
    """Users are known by issuer and subject, so each sign-in through the other would set their roles anew."""
    await lab.apply(admin, connector())
    second = connector(client_id="another").replace('"corp"', '"partners"')
    for text in (second, second + "\n---\n" + connector(client_id="third")):
        with pytest.raises(IssuerTaken) as caught:
            await lab.apply(admin, text)
        assert {problem.field for problem in caught.value.problems} == {"spec.issuer"}
    await lab.apply(admin, second.replace("id.example", "partners.example"))
    with pytest.raises(IssuerTaken):
        await lab.apply(admin, second)
