"""Enrolment: who holds a code sets the factors of the one user it is for, once, and not too late."""

import asyncio

import pytest
from tests.support.authority_lab import OPS, PEER, AuthorityLab
from tests.support.enrolments import (
    PASSWORD,
    add_password,
    begin,
    code_at,
    complete,
    enrolled_user,
    invite,
    sign_in_with,
)
from tests.support.proofs import open_as

from doorward.api.bodies.administration import AddUser
from doorward.api.bodies.sign_ins import SignedIn
from doorward.authority.callers import Peer
from doorward.authority.giving import GivesTooMuch
from doorward.authority.operations.enrol import UNCONFIRMED_MAX, CodeRefused
from doorward.authority.operations.sign_in import SignInRefused
from doorward.authority.operations.users import AlreadyEnrolled, UserExists, add_user, invite_user, reset_user
from doorward.authority.rights import NoRight
from doorward.base.errors import Conflict, DoorwardError, Invalid, Missing
from doorward.base.ids import UserId
from doorward.domain.identity.invitation import FIRST_ADMIN_LIFETIME, InvitationPurpose
from doorward.domain.sessions.states import SessionState

FIRST = InvitationPurpose.FIRST_ADMIN


async def test_code_sets_factors_and_signs_in(lab: AuthorityLab) -> None:
    user_id = await lab.user("bob")
    code = await invite(lab, "bob")
    begun = await begin(lab, code)
    assert (begun.user_name, begun.purpose) == ("bob", "enrol")
    answer = await complete(lab, code, begun)
    assert answer.user_id == user_id
    lab.advance(seconds=30)
    await sign_in_with(lab, "bob", code_at(lab, begun.totp_secret))
    assert [one.fields["purpose"] for one in await lab.events("user.enrolled")] == ["enrol"]


async def test_code_is_read_however_it_is_typed(lab: AuthorityLab) -> None:
    await lab.user("bob")
    code = await invite(lab, "bob")
    assert (await begin(lab, f"  {code.upper().replace('-', '')} ")).user_name == "bob"


async def test_beginning_spends_nothing_and_puts_nothing_in_force(lab: AuthorityLab) -> None:
    user_id = await lab.user("bob")
    await add_password(lab, user_id)
    begun = await begin(lab, await invite(lab, "bob"))
    with pytest.raises(SignInRefused):
        await sign_in_with(lab, "bob", code_at(lab, begun.totp_secret))


@pytest.mark.parametrize("code", ["", "aaaa-bbbb", "\x00", "ü" * 20])
async def test_code_that_is_none_is_refused(lab: AuthorityLab, code: str) -> None:
    with pytest.raises(CodeRefused):
        await begin(lab, code)


async def test_code_works_once(lab: AuthorityLab) -> None:
    await lab.user("bob")
    code = await invite(lab, "bob")
    begun = await begin(lab, code)
    await complete(lab, code, begun)
    with pytest.raises(CodeRefused):
        await begin(lab, code)
    with pytest.raises(CodeRefused):
        await complete(lab, code, begun)


async def test_code_used_at_once_by_many_works_once(lab: AuthorityLab) -> None:
    await lab.user("bob")
    code = await invite(lab, "bob")
    begun = [await begin(lab, code) for _ in range(4)]
    tries = (complete(lab, code, one, password=f"password number {place}") for place, one in enumerate(begun))
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, SignedIn) for one in results) == 1
    assert len(await lab.events("user.signed_in")) == 1


async def test_code_dies_with_its_time_and_with_a_newer_one(lab: AuthorityLab) -> None:
    await lab.user("bob")
    older = await invite(lab, "bob")
    newer = await invite(lab, "bob")
    with pytest.raises(CodeRefused):
        await begin(lab, older)
    await begin(lab, newer)
    lab.advance(hours=24)
    with pytest.raises(CodeRefused):
        await begin(lab, newer)


async def test_code_of_a_disabled_locked_or_removed_user_is_refused(lab: AuthorityLab) -> None:
    await lab.user("bob")
    code = await invite(lab, "bob")
    begun = await begin(lab, code)
    await lab.declare("kind: user\nversion: v1\nmetadata: {name: bob}\nspec: {disabled: true}\n")
    with pytest.raises(CodeRefused):
        await begin(lab, code)
    await lab.declare("kind: user\nversion: v1\nmetadata: {name: bob}\nspec: {}\n")
    await lab.declare("kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {user: bob}}\n")
    with pytest.raises(CodeRefused):
        await complete(lab, code, begun)
    assert await lab.events("user.signed_in") == []


async def test_wrong_time_based_code_confirms_nothing(lab: AuthorityLab) -> None:
    user_id = await lab.user("bob")
    code = await invite(lab, "bob")
    begun = await begin(lab, code)
    with pytest.raises(CodeRefused, match="the one-time code is still good"):
        await complete(lab, code, begun, totp="000000")
    assert await lab.read(lambda tx: tx.passwords.get(user_id)) is None


async def test_factor_of_another_beginning_is_refused(lab: AuthorityLab) -> None:
    await lab.user("bob")
    await lab.user("eve")
    bobs, eves = await invite(lab, "bob"), await invite(lab, "eve")
    with pytest.raises(CodeRefused):
        await complete(lab, bobs, await begin(lab, eves))


@pytest.mark.parametrize("password", ["", "short", "elevenchars", "x" * 257, "ü" * 129])
async def test_password_that_is_too_short_or_too_long_is_refused(lab: AuthorityLab, password: str) -> None:
    await lab.user("bob")
    code = await invite(lab, "bob")
    begun = await begin(lab, code)
    with pytest.raises(Invalid):
        await complete(lab, code, begun, password=password)
    await complete(lab, code, begun)


async def test_code_is_begun_a_few_times_only_and_a_new_one_begins_afresh(lab: AuthorityLab) -> None:
    await lab.user("bob")
    code = await invite(lab, "bob")
    for _ in range(UNCONFIRMED_MAX):
        await begin(lab, code)
    with pytest.raises(CodeRefused, match="too often"):
        await begin(lab, code)
    again = await invite(lab, "bob")
    await complete(lab, again, await begin(lab, again))


async def test_confirmed_factor_is_the_only_one_left(lab: AuthorityLab) -> None:
    user_id = await lab.user("bob")
    code = await invite(lab, "bob")
    first, second = await begin(lab, code), await begin(lab, code)
    await complete(lab, code, second)
    assert [one.id for one in await lab.read(lambda tx: tx.totp.list(user_id))] == [second.factor_id]
    assert first.factor_id != second.factor_id


async def test_wrong_codes_of_a_stranger_make_nobody_wait(lab: AuthorityLab) -> None:
    """A code can not be guessed, so shutting a network out would only help who wants to shut it out."""
    await lab.user("bob")
    code = await invite(lab, "bob")
    for _ in range(60):
        with pytest.raises(CodeRefused):
            await begin(lab, "no such code")
    await begin(lab, code)
    (summary,) = lab.services.throttle.take_summaries(everything=True)
    assert (summary.attempts, dict(summary.reasons), summary.names) == (60, {"enrolment code": 60}, [])


async def test_wrong_time_based_codes_make_their_own_invitation_wait(lab: AuthorityLab) -> None:
    codes = []
    for name in ("bob", "carol"):
        await lab.user(name)
        codes.append(await invite(lab, name))
    begun = await begin(lab, codes[0])
    for _ in range(6):
        with pytest.raises(CodeRefused):
            await complete(lab, codes[0], begun, totp="000000")
    with pytest.raises(CodeRefused, match="too many"):
        await begin(lab, codes[0])
    await begin(lab, codes[1])
    await begin(lab, codes[0], peer=Peer("198.51.100.1"))
    lab.advance(seconds=1)
    await begin(lab, codes[0])


async def test_user_of_any_name_shares_no_count_with_enrolments(lab: AuthorityLab) -> None:
    await lab.user("bob")
    code = await invite(lab, "bob")
    for name in ("code", "oidc", "enrolment", "password"):
        for _ in range(6):
            with pytest.raises(SignInRefused):
                await sign_in_with(lab, name, "000000", password="wrong password here")
    await begin(lab, code)


class TestFirstAdministrator:
    async def test_code_dies_after_its_half_hour(self, lab: AuthorityLab) -> None:
        await lab.user("ada", "admin")
        code = await invite(lab, "ada", FIRST, FIRST_ADMIN_LIFETIME)
        lab.advance(minutes=29, seconds=59)
        await begin(lab, code)
        lab.advance(seconds=1)
        with pytest.raises(CodeRefused):
            await begin(lab, code)

    async def test_code_dies_when_an_administrator_exists(self, lab: AuthorityLab) -> None:
        await lab.user("ada", "admin")
        code = await invite(lab, "ada", FIRST)
        begun = await begin(lab, code)
        await enrolled_user(lab, "bob", "admin")
        with pytest.raises(CodeRefused):
            await begin(lab, code)
        with pytest.raises(CodeRefused):
            await complete(lab, code, begun)

    async def test_users_who_are_no_administrators_do_not_kill_it(self, lab: AuthorityLab) -> None:
        await lab.user("ada", "admin")
        await lab.user("carol", "admin")  # never signed up
        await enrolled_user(lab, "bob", "auditor")
        code = await invite(lab, "ada", FIRST)
        await complete(lab, code, await begin(lab, code))


class TestUsers:
    async def test_added_user_gets_a_code_that_works(self, lab: AuthorityLab) -> None:
        ada = await lab.signed_in("ada", "admin")
        await lab.declare(OPS)
        issued = await add_user(lab.services, ada.caller, AddUser("bob", ["ops"]))
        assert issued.pin == lab.services.keys.pin
        answer = await complete(lab, issued.code, await begin(lab, issued.code))
        assert answer.user_name == "bob"
        with pytest.raises(UserExists, match=r"dw users invite, or of dw users reset"):
            await add_user(lab.services, ada.caller, AddUser("bob", ["ops"]))

    async def test_adding_is_whole_or_nothing(self, lab: AuthorityLab) -> None:
        ada = await lab.signed_in("ada", "admin")
        before = await lab.log_size()
        for name, roles in (("bob", ["no-such-role"]), ("Bob", []), ("", []), ("ada", []), ("bob", ["auditor"])):
            with pytest.raises(DoorwardError):
                await add_user(lab.services, ada.caller, AddUser(name, roles))
        assert await lab.log_size() == before
        assert len(await lab.read(lambda tx: tx.resources.list("user"))) == 1

    async def test_adding_inviting_and_resetting_need_rights(self, lab: AuthorityLab) -> None:
        eve = await lab.signed_in("eve", "auditor")
        with pytest.raises(NoRight):
            await add_user(lab.services, eve.caller, AddUser("bob", []))
        await lab.user("root", "admin")
        with pytest.raises(GivesTooMuch):
            await invite_user(lab.services, eve.caller, "root")
        with pytest.raises(GivesTooMuch):
            await reset_user(lab.services, eve.caller, "root")

    async def test_nobody_gets_the_code_of_someone_with_more_rights(self, lab: AuthorityLab) -> None:
        """A reset hands over the account: an administrator who may not replay resets no auditor."""
        ada = await lab.signed_in("ada", "admin")
        await enrolled_user(lab, "olga", "auditor")
        with pytest.raises(GivesTooMuch):
            await reset_user(lab.services, ada.caller, "olga")

    async def test_enrolled_user_is_not_invited_again(self, lab: AuthorityLab) -> None:
        ada = await lab.signed_in("ada", "admin")
        await enrolled_user(lab, "bob")
        with pytest.raises(AlreadyEnrolled):
            await invite_user(lab.services, ada.caller, "bob")
        with pytest.raises(Conflict):
            await add_user(lab.services, ada.caller, AddUser("bob", []))

    async def test_unknown_user_is_missing(self, lab: AuthorityLab) -> None:
        ada = await lab.signed_in("ada", "admin")
        for operation in (invite_user, reset_user):
            with pytest.raises(Missing):
                await operation(lab.services, ada.caller, "nobody")

    async def test_reset_ends_sign_ins_and_sessions_and_removes_factors(self, lab: AuthorityLab) -> None:
        ada = await lab.signed_in("ada", "admin")
        await lab.declare(OPS)
        await lab.node("prod-web-01", {"env": "prod"})
        bob = await lab.signed_in("bob", "ops")
        await add_password(lab, bob.caller.user_id)
        plan = await open_as(lab, bob, "dwt-root@prod-web-01")
        issued = await reset_user(lab.services, ada.caller, "bob")
        assert (await lab.session(plan.session_id)).state is SessionState.ENDING
        assert await lab.read(lambda tx: list(tx.sign_ins.live_of(bob.caller.user_id, tx.now))) == []
        assert await lab.read(lambda tx: tx.passwords.get(bob.caller.user_id)) is None
        (noted,) = await lab.events("user.reset")
        assert noted.fields["sign_ins_ended"] == 1
        assert (await begin(lab, issued.code)).purpose == "reset"

    async def test_factor_that_is_taken_away_is_an_event(self, lab: AuthorityLab) -> None:
        ada = await lab.signed_in("ada", "admin", "auditor")
        user_id, _ = await enrolled_user(lab, "bob")
        (factor,) = await lab.read(lambda tx: tx.totp.list(user_id))
        await reset_user(lab.services, ada.caller, "bob")
        (event,) = await lab.events("factor.removed")
        assert (event.fields["factor_id"], event.subjects["user"]) == (factor.id, user_id)

    async def test_reset_code_lives_an_hour(self, lab: AuthorityLab) -> None:
        ada = await lab.signed_in("ada", "admin")
        await enrolled_user(lab, "bob")
        issued = await reset_user(lab.services, ada.caller, "bob")
        lab.advance(hours=1)
        with pytest.raises(CodeRefused):
            await begin(lab, issued.code)

    async def test_code_is_stored_as_a_hash_only(self, lab: AuthorityLab) -> None:
        ada = await lab.signed_in("ada", "admin")
        issued = await add_user(lab.services, ada.caller, AddUser("bob", []))
        database = b"".join(one.read_bytes() for one in sorted((lab.folder / "authority").iterdir()))
        assert issued.code.encode() not in database
        assert issued.code.replace("-", "").encode() not in database
        assert UserId(ada.caller.user_id).encode() in database

    async def test_password_is_stored_as_a_hash_only(self, lab: AuthorityLab) -> None:
        await lab.user("bob")
        code = await invite(lab, "bob")
        await complete(lab, code, await begin(lab, code), peer=PEER)
        database = b"".join(one.read_bytes() for one in sorted((lab.folder / "authority").iterdir()))
        assert PASSWORD.encode() not in database
