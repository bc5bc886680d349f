"""Persons, factors, invitations and sign-ins, on both engines."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.stored_values import NOW, OTHER_USER, PERSON, SIGN_IN, SIGN_IN_ID, USER

from doorward.base.errors import Conflict
from doorward.base.ids import SignInId
from doorward.domain.identity.factors import FactorFailures, Password, TotpFactor
from doorward.domain.identity.invitation import Invitation, InvitationPurpose
from doorward.domain.identity.sign_in import SignInEnd
from doorward.stores.sql.store import SqlStore

FACTOR = TotpFactor("f" * 26, USER, b"sealed\x00\xff", 100, NOW, "invitation")
INVITATION = Invitation("v" * 26, b"h" * 32, USER, InvitationPurpose.ENROL, NOW + timedelta(hours=1), "operator")


async def test_a_user_is_one_person_for_good(store: SqlStore) -> None:
    await store.write(lambda tx: tx.persons.add(PERSON, USER))
    await store.write(lambda tx: tx.persons.add(PERSON, OTHER_USER))
    assert await store.read(lambda tx: (tx.persons.of_user(USER), tx.persons.of_user(OTHER_USER))) == (PERSON, PERSON)
    with pytest.raises(Conflict):
        await store.write(lambda tx: tx.persons.add(PERSON, USER))


async def test_a_password_is_set_replaced_and_removed(store: SqlStore) -> None:
    for hashed in ("$argon2id$1", "$argon2id$2"):
        password = Password(USER, hashed, NOW)
        await store.write(lambda tx, one=password: tx.passwords.put(one))  # type: ignore[misc]
        assert await store.read(lambda tx: tx.passwords.get(USER)) == password
    await store.write(lambda tx: tx.passwords.delete(USER))
    assert await store.read(lambda tx: tx.passwords.get(USER)) is None


async def test_a_step_is_spent_once_and_never_an_older_one(store: SqlStore) -> None:
    await store.write(lambda tx: tx.totp.add(FACTOR))
    outcomes = await asyncio.gather(*(store.write(lambda tx: tx.totp.advance(FACTOR.id, 101)) for _ in range(6)))
    assert sorted(outcomes) == [False] * 5 + [True]
    assert not await store.write(lambda tx: tx.totp.advance(FACTOR.id, 100))
    assert not await store.write(lambda tx: tx.totp.advance("unknown", 500))
    assert await store.read(lambda tx: tx.totp.list(USER)) == [replace(FACTOR, last_step=101)]


async def test_a_factor_is_confirmed_once_and_removed_with_the_others(store: SqlStore) -> None:
    await store.write(lambda tx: tx.totp.add(FACTOR))
    await store.write(lambda tx: tx.totp.confirm(FACTOR.id, NOW))
    await store.write(lambda tx: tx.totp.confirm(FACTOR.id, NOW + timedelta(1)))
    assert [one.confirmed for one in await store.read(lambda tx: tx.totp.list(USER))] == [NOW]
    assert await store.read(lambda tx: tx.totp.list(OTHER_USER)) == []
    assert await store.write(lambda tx: tx.totp.delete_all(OTHER_USER)) == 0
    assert await store.write(lambda tx: tx.totp.delete_all(USER)) == 1
    assert await store.read(lambda tx: tx.totp.list(USER)) == []


async def test_failures_are_kept_and_cleared(store: SqlStore) -> None:
    for failures in (FactorFailures(USER, 1, None), FactorFailures(USER, 4, NOW)):
        await store.write(lambda tx, one=failures: tx.failures.put(one))  # type: ignore[misc]
        assert await store.read(lambda tx: tx.failures.get(USER)) == failures
    await store.write(lambda tx: tx.failures.clear(USER))
    assert await store.read(lambda tx: tx.failures.get(USER)) is None


async def test_an_invitation_is_spent_once(store: SqlStore) -> None:
    await store.write(lambda tx: tx.invitations.add(INVITATION))
    assert await store.read(lambda tx: tx.invitations.by_code_hash(b"h" * 32)) == INVITATION
    assert await store.read(lambda tx: tx.invitations.by_code_hash(b"x" * 32)) is None
    outcomes = await asyncio.gather(
        *(store.write(lambda tx: tx.invitations.spend(INVITATION.id, NOW)) for _ in range(6))
    )
    assert sorted(outcomes) == [False] * 5 + [True]
    assert await store.read(lambda tx: tx.invitations.by_code_hash(b"h" * 32)) == replace(INVITATION, used=NOW)


async def test_an_expired_or_revoked_invitation_is_not_spent(store: SqlStore) -> None:
    await store.write(lambda tx: tx.invitations.add(INVITATION))
    assert not await store.write(lambda tx: tx.invitations.spend(INVITATION.id, INVITATION.expires))
    assert await store.write(lambda tx: tx.invitations.revoke_all(OTHER_USER, NOW)) == 0
    assert await store.write(lambda tx: tx.invitations.revoke_all(USER, NOW)) == 1
    assert await store.write(lambda tx: tx.invitations.revoke_all(USER, NOW)) == 0
    assert not await store.write(lambda tx: tx.invitations.spend(INVITATION.id, NOW))


async def test_two_codes_never_hash_alike(store: SqlStore) -> None:
    await store.write(lambda tx: tx.invitations.add(INVITATION))
    with pytest.raises(Conflict):
        await store.write(lambda tx: tx.invitations.add(replace(INVITATION, id="w" * 26)))


async def test_a_sign_in_is_found_by_its_serial_and_its_serial_is_given_once(store: SqlStore) -> None:
    await store.write(lambda tx: tx.sign_ins.add(SIGN_IN))
    assert await store.read(lambda tx: tx.sign_ins.get(SIGN_IN_ID)) == SIGN_IN
    assert await store.read(lambda tx: tx.sign_ins.by_ssh_serial(2**64 - 3)) == SIGN_IN
    assert await store.read(lambda tx: tx.sign_ins.by_ssh_serial(3)) is None
    with pytest.raises(Conflict):
        await store.write(lambda tx: tx.sign_ins.add(replace(SIGN_IN, id=SignInId("s" * 26))))


async def test_a_sign_in_ends_once_and_only_while_it_lives(store: SqlStore) -> None:
    later = replace(SIGN_IN, id=SignInId("s" * 26), ssh_serial=5, created=NOW + timedelta(hours=1))
    await store.write(lambda tx: tx.sign_ins.add(SIGN_IN))
    await store.write(lambda tx: tx.sign_ins.add(later))
    assert await store.read(lambda tx: tx.sign_ins.live_of(USER, NOW)) == [SIGN_IN]
    assert await store.read(lambda tx: tx.sign_ins.live_of(USER, later.created)) == [SIGN_IN, later]
    assert await store.read(lambda tx: tx.sign_ins.live_of(USER, SIGN_IN.expires)) == []
    assert await store.read(lambda tx: tx.sign_ins.live_of(OTHER_USER, NOW)) == []
    assert not await store.write(lambda tx: tx.sign_ins.end(SIGN_IN_ID, SignInEnd.REVOKED, SIGN_IN.expires))
    assert await store.write(lambda tx: tx.sign_ins.end(SIGN_IN_ID, SignInEnd.SIGNED_OUT, NOW))
    assert not await store.write(lambda tx: tx.sign_ins.end(SIGN_IN_ID, SignInEnd.REVOKED, NOW))
    ended = replace(SIGN_IN, ended=NOW, end_reason=SignInEnd.SIGNED_OUT)
    assert await store.read(lambda tx: tx.sign_ins.get(SIGN_IN_ID)) == ended
    assert await store.read(lambda tx: tx.sign_ins.live_of(USER, NOW)) == []
