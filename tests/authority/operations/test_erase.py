"""Erasing who was removed: nothing of them is left in the log, which still verifies and says that it happened."""

import json

import pytest
from tests.support.authority_lab import AuthorityLab, LabSignIn
from tests.support.enrolments import begin, complete, invite
from tests.support.proofs import open_as

from doorward.api.bodies.audit import EraseUser
from doorward.authority.callers import Peer
from doorward.authority.operations.audit import Search, search_audit, verify_audit
from doorward.authority.operations.erase import SeveralOfThatName, StillDeclared, erase_user
from doorward.authority.operations.resources import delete_resource
from doorward.base.errors import Missing
from doorward.base.ids import UserId
from doorward.stores.sql.tables_log import log_entries
from doorward.stores.sql.transaction import SqlTransaction

NAME = "zaphod"
SOURCE = "203.0.113.77"
USER = f"kind: user\nversion: v1\nmetadata: {{name: {NAME}}}\nspec: {{roles: [own], traits: {{logins: [{NAME}]}}}}\n"
OWN = """\
kind: role
version: v8
metadata: {name: own}
spec:
  allow: {logins: ["{{internal.logins}}"], node_labels: {env: prod}}
"""
LOCK = f"kind: lock\nversion: v1\nmetadata: {{name: stop}}\nspec: {{target: {{user: {NAME}}}, message: bye {NAME}}}\n"


@pytest.fixture
async def ada(lab: AuthorityLab) -> LabSignIn:
    return await lab.signed_in("ada", "admin", "auditor")


async def remove(lab: AuthorityLab, who: LabSignIn, kind: str, name: str) -> str:
    stored = await lab.read(lambda tx: tx.resources.get(kind, name))
    assert stored is not None
    return (await delete_resource(lab.services, who.caller, kind, name, stored.revision)).id


async def lived(lab: AuthorityLab, ada: LabSignIn) -> str:
    """Everything that a person can leave in the log: declared, enrolled, let in, locked, removed."""
    await lab.declare(OWN)
    await lab.node("prod-web-01", {"env": "prod"})
    change = (await lab.apply(ada, USER)).changes[0]
    code = await invite(lab, NAME)
    signed_in = await complete(lab, code, await begin(lab, code), peer=Peer(SOURCE))
    assert signed_in.user_id == change.id
    who = await lab.sign_in(NAME, UserId(signed_in.user_id), source=SOURCE)
    await open_as(lab, who, f"{NAME}@prod-web-01")
    await lab.apply(ada, LOCK)
    await remove(lab, ada, "lock", "stop")
    return await remove(lab, ada, "user", NAME)


async def everything(lab: AuthorityLab) -> str:
    """All that the log's tables hold, leaves and values."""

    def work(tx: SqlTransaction) -> str:
        rows = tx.connection.execute(log_entries.select()).all()
        return json.dumps([[str(bytes(one)) if isinstance(one, bytes) else str(one) for one in row] for row in rows])

    return await lab.read(work)


async def test_nothing_of_an_erased_person_is_left_in_the_log(lab: AuthorityLab, ada: LabSignIn) -> None:
    user_id = await lived(lab, ada)
    assert NAME in await everything(lab)
    erased = await erase_user(lab.services, ada.caller, EraseUser(NAME))
    assert erased.user_id == user_id
    assert erased.entries >= 6
    left = await everything(lab)
    assert NAME not in left
    assert SOURCE not in left
    assert "203.0.113.0/24" not in left


async def test_erased_log_verifies_and_tells_of_the_erasure(lab: AuthorityLab, ada: LabSignIn) -> None:
    user_id = await lived(lab, ada)
    erased = await erase_user(lab.services, ada.caller, EraseUser(user_id))
    verified = await verify_audit(lab.services, ada.caller)
    assert (verified.ok, verified.problem, verified.erased) == (True, "", erased.entries)
    (told,) = await lab.events("audit.erased")
    assert (told.fields["entries"], told.actor_id) == (erased.entries, ada.caller.user_id)
    with pytest.raises(Missing):
        await erase_user(lab.services, ada.caller, EraseUser(user_id))


async def test_who_is_still_a_user_is_not_erased(lab: AuthorityLab, ada: LabSignIn) -> None:
    bob = await lab.signed_in("bob")
    for name in ("bob", "BOB", bob.caller.user_id):
        with pytest.raises(StillDeclared):
            await erase_user(lab.services, ada.caller, EraseUser(name))


async def test_whom_a_name_means_is_never_guessed(lab: AuthorityLab, ada: LabSignIn) -> None:
    await lab.declare(OWN)
    for _ in range(2):
        await lab.apply(ada, USER)
        await remove(lab, ada, "user", NAME)
    with pytest.raises(SeveralOfThatName):
        await erase_user(lab.services, ada.caller, EraseUser(NAME))
    for unknown in ("nobody", "a" * 26):
        with pytest.raises(Missing):
            await erase_user(lab.services, ada.caller, EraseUser(unknown))


async def test_removed_user_is_found_by_the_name_until_erased(lab: AuthorityLab, ada: LabSignIn) -> None:
    await lived(lab, ada)

    async def found() -> list[str]:
        page = await search_audit(lab.services, ada.caller, Search({"user": NAME.upper()}))
        return [one.type for one in page.items]

    assert {"resource.created", "user.signed_in", "session.opened", "lock.created", "resource.deleted"} <= {
        *await found()
    }
    await erase_user(lab.services, ada.caller, EraseUser(NAME))
    assert await found() == []
