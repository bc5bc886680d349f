"""Signing in by password and code: what is wrong is never said, and nobody may try without end."""

import asyncio
import base64
from typing import Any

import pytest
from tests.support.authority_lab import PEER, AuthorityLab
from tests.support.enrolments import PASSWORD, add_factor, client_keys, code_at, enrolled_user, sign_in_with

from doorward.api.bodies.sign_ins import Keys, SignedIn, SignInWithPassword
from doorward.api.signer.messages import SignedSsh
from doorward.authority import passwords
from doorward.authority.callers import Peer, UserCaller
from doorward.authority.operations import sign_in as module
from doorward.authority.operations.sign_in import SignInRefused, SlowDown, sign_in, sign_out, status, trust
from doorward.authority.rights import NoRight
from doorward.authority.throttle import ACCOUNT_FAILURES_MAX
from doorward.base.errors import DoorwardError, Invalid, Missing
from doorward.base.ids import SignInId, UserId
from doorward.domain.certificates.ssh_check import check_user_certificate
from doorward.wire.ssh.certificate import parse_certificate
from doorward.wire.ssh.public_key import parse_public_key_line


@pytest.fixture
async def secret(lab: AuthorityLab) -> str:
    """bob's second factor; his password is the usual one."""
    _, secret = await enrolled_user(lab, "bob")
    return secret


def caller_of(signed_in: SignedIn) -> UserCaller:
    return UserCaller(UserId(signed_in.user_id), signed_in.user_name, SignInId(signed_in.sign_in_id), PEER.source)


async def refused(
    lab: AuthorityLab, name: str, code: str, *, password: str = PASSWORD, peer: Peer = PEER
) -> DoorwardError:
    with pytest.raises(DoorwardError) as caught:
        await sign_in_with(lab, name, code, password=password, peer=peer)
    return caught.value


async def test_right_answers_give_certificates_of_one_sign_in(lab: AuthorityLab, secret: str) -> None:
    answer = await sign_in_with(lab, "bob", code_at(lab, secret))
    certificate = parse_certificate(parse_public_key_line(answer.ssh_certificate))
    identity = check_user_certificate(certificate, lab.services.keys.user_ssh, lab.clock.now())
    assert (identity.user_id, identity.sign_in_id) == (answer.user_id, answer.sign_in_id)
    row = await lab.read(lambda tx: tx.sign_ins.by_ssh_serial(identity.serial))
    assert row is not None
    assert (row.id, row.source, row.method) == (answer.sign_in_id, PEER.source, "password+totp")
    assert row.expires.isoformat() == answer.expires
    assert [one.names for one in answer.gateways] == [["gw.example"]]


async def test_name_is_taken_without_regard_to_case(lab: AuthorityLab, secret: str) -> None:
    assert (await sign_in_with(lab, "BOB", code_at(lab, secret))).user_name == "bob"


async def test_wrong_name_password_and_code_look_alike(lab: AuthorityLab, secret: str) -> None:
    answers = {
        (error.code, error.message)
        for error in (
            await refused(lab, "nobody", code_at(lab, secret)),
            await refused(lab, "bob", code_at(lab, secret), password="wrong password here"),
            await refused(lab, "bob", "000000"),
            await refused(lab, "bob", ""),
            await refused(lab, "bob", "not a code"),
            await refused(lab, "", ""),
        )
    }
    assert len(answers) == 1
    assert await lab.read(lambda tx: tx.sign_ins.get(SignInId("a" * 26))) is None


async def test_wrong_name_password_and_code_take_the_same_least_time(
    lab: AuthorityLab, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFUSAL_SECONDS", 0.1)
    loop = asyncio.get_running_loop()
    for name, password, code in (
        ("nobody", PASSWORD, "000000"),
        ("bob", "wrong password here", "000000"),
        ("bob", PASSWORD, "000000"),
    ):
        begun = loop.time()
        await refused(lab, name, code, password=password)
        assert loop.time() - begun >= 0.099


async def test_user_without_password_or_factor_can_not_sign_in(lab: AuthorityLab) -> None:
    user_id = await lab.user("carol")
    secret = await add_factor(lab, user_id)
    assert isinstance(await refused(lab, "carol", code_at(lab, secret)), SignInRefused)
    dave, unused = await enrolled_user(lab, "dave")
    await lab.store.write(lambda tx: tx.totp.delete_all(dave))
    assert isinstance(await refused(lab, "dave", code_at(lab, unused)), SignInRefused)


async def test_code_counts_once(lab: AuthorityLab, secret: str) -> None:
    code = code_at(lab, secret)
    await sign_in_with(lab, "bob", code)
    again = await refused(lab, "bob", code)
    assert "each code counts once: wait for the next" in again.message
    assert again.message == (await refused(lab, "nobody", code)).message  # and that tells nobody that it was right
    lab.advance(seconds=30)
    assert isinstance(await refused(lab, "bob", code), SignInRefused)
    await sign_in_with(lab, "bob", code_at(lab, secret))


async def test_code_of_many_at_once_gives_one_sign_in(lab: AuthorityLab, secret: str) -> None:
    code = code_at(lab, secret)
    results = await asyncio.gather(*(sign_in_with(lab, "bob", code) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, SignedIn) for one in results) == 1
    assert len(await lab.events("user.signed_in")) == 1


async def test_older_code_does_not_count_after_a_newer_one(lab: AuthorityLab, secret: str) -> None:
    older, newer = code_at(lab, secret, steps=-1), code_at(lab, secret)
    await sign_in_with(lab, "bob", newer)
    assert isinstance(await refused(lab, "bob", older), SignInRefused)


async def test_disabled_locked_and_removed_users_look_like_a_wrong_password(lab: AuthorityLab, secret: str) -> None:
    texts = {
        "disabled": "kind: user\nversion: v1\nmetadata: {name: bob}\nspec: {disabled: true}\n",
        "locked": "kind: lock\nversion: v1\nmetadata: {name: stop}\nspec: {target: {user: bob}}\n",
    }
    for text in texts.values():
        await lab.declare(text)
        assert isinstance(await refused(lab, "bob", code_at(lab, secret)), SignInRefused)
        await lab.declare("kind: user\nversion: v1\nmetadata: {name: bob}\nspec: {}\n")


async def test_user_disabled_while_the_certificates_are_signed_gets_none(
    lab: AuthorityLab, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = lab.services.signer.sign_user_ssh

    async def meanwhile(**arguments: Any) -> SignedSsh:
        await lab.declare("kind: user\nversion: v1\nmetadata: {name: bob}\nspec: {disabled: true}\n")
        return await sign(**arguments)

    monkeypatch.setattr(lab.services.signer, "sign_user_ssh", meanwhile)
    assert isinstance(await refused(lab, "bob", code_at(lab, secret)), SignInRefused)
    assert await lab.events("user.signed_in") == []


class TestBackOff:
    async def test_sixth_failure_from_a_network_makes_right_answers_wait(self, lab: AuthorityLab, secret: str) -> None:
        for _ in range(6):
            assert isinstance(await refused(lab, "bob", "", password="wrong password here"), SignInRefused)
        assert isinstance(await refused(lab, "bob", code_at(lab, secret)), SlowDown)
        lab.advance(seconds=1)
        await sign_in_with(lab, "bob", code_at(lab, secret))

    async def test_tries_at_once_are_as_few_as_one_after_the_other(self, lab: AuthorityLab, secret: str) -> None:
        tries = (sign_in_with(lab, "bob", "000000", password="wrong password here") for _ in range(30))
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(one, SignInRefused) for one in results) == 6
        assert sum(isinstance(one, SlowDown) for one in results) == 24

    async def test_tries_that_came_to_no_answer_do_not_count(
        self, lab: AuthorityLab, secret: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(passwords, "WAITING_MAX", -passwords.AT_ONCE_MAX)
            for _ in range(10):
                assert isinstance(await refused(lab, "bob", code_at(lab, secret)), passwords.Busy)
        await sign_in_with(lab, "bob", code_at(lab, secret))

    async def test_another_network_and_another_account_are_not_slowed(self, lab: AuthorityLab, secret: str) -> None:
        _, other = await enrolled_user(lab, "carol")
        for _ in range(6):
            await refused(lab, "bob", "", password="wrong password here")
        await sign_in_with(lab, "bob", code_at(lab, secret), peer=Peer("198.51.100.1"))
        await sign_in_with(lab, "carol", code_at(lab, other))

    async def test_unknown_names_are_slowed_like_known_ones(self, lab: AuthorityLab) -> None:
        for _ in range(6):
            await refused(lab, "nobody", "000000")
        assert isinstance(await refused(lab, "nobody", "000000"), SlowDown)

    async def test_wrong_codes_are_counted_per_user_from_wherever(self, lab: AuthorityLab, secret: str) -> None:
        for number in range(4):
            await refused(lab, "bob", "000000", peer=Peer(f"198.51.{number}.1"))
        error = await refused(lab, "bob", code_at(lab, secret), peer=Peer("203.0.113.9"))
        assert isinstance(error, SignInRefused)
        assert len(await lab.events("factor.failed")) == 4
        assert len(await lab.events("user.locked_out")) == 1
        lab.advance(seconds=2)
        await sign_in_with(lab, "bob", code_at(lab, secret), peer=Peer("203.0.113.9"))

    async def test_wrong_codes_without_the_password_shut_nobody_out(self, lab: AuthorityLab, secret: str) -> None:
        for number in range(20):
            await refused(lab, "bob", "000000", password="a guess, one of many", peer=Peer(f"198.51.{number}.1"))
        await sign_in_with(lab, "bob", code_at(lab, secret))
        assert await lab.events("factor.failed") == []

    async def test_before_anyone_is_known_nothing_is_written_per_attempt(self, lab: AuthorityLab) -> None:
        before = await lab.log_size()
        for _ in range(5):
            await refused(lab, "nobody", "000000")
        assert await lab.log_size() == before

    async def test_guessing_codes_all_at_once_is_no_way_around(self, lab: AuthorityLab, secret: str) -> None:
        right = code_at(lab, secret)
        codes = [f"{number:06d}" for number in range(12)] + [right]
        tries = (sign_in_with(lab, "bob", code, peer=Peer(f"198.51.{place}.1")) for place, code in enumerate(codes))
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert not isinstance(results[-1], SignedIn)


@pytest.mark.parametrize(
    "keys",
    [
        Keys("ssh-ed25519 AAAA", client_keys().x509_request_pem),
        Keys(client_keys().ssh_public_key, "no request"),
        Keys("", ""),
    ],
)
async def test_keys_that_can_not_be_read_are_refused(lab: AuthorityLab, secret: str, keys: Keys) -> None:
    with pytest.raises(Invalid):
        await sign_in(lab.services, PEER, SignInWithPassword("bob", PASSWORD, code_at(lab, secret), keys))


async def test_request_that_was_not_signed_with_its_own_key_is_refused(lab: AuthorityLab, secret: str) -> None:
    keys = client_keys()
    lines = keys.x509_request_pem.strip().splitlines()
    der = bytearray(base64.b64decode("".join(lines[1:-1])))
    der[-1] ^= 1
    pem = "\n".join([lines[0], base64.b64encode(bytes(der)).decode(), lines[-1], ""])
    said = SignInWithPassword("bob", PASSWORD, code_at(lab, secret), Keys(keys.ssh_public_key, pem))
    with pytest.raises(Invalid):
        await sign_in(lab.services, PEER, said)


async def test_clock_behind_the_log_signs_nobody_in(lab: AuthorityLab, secret: str) -> None:
    lab.services.clock_guard.look(0, 3_000_000)
    assert (await refused(lab, "bob", code_at(lab, secret))).code == "clock_behind"


class TestSignOut:
    async def test_own_sign_in_ends_and_the_other_goes_on(self, lab: AuthorityLab) -> None:
        bob = await lab.signed_in("bob")
        other = await lab.sign_in("bob", bob.caller.user_id)
        answer = await sign_out(lab.services, bob.caller, "current")
        assert [one.id for one in answer.sign_ins] == [other.row.id]
        (noted,) = await lab.events("sign_in.ended")
        assert noted.fields["reason"] == "signed_out"

    async def test_another_of_ones_own_ends_by_its_id(self, lab: AuthorityLab) -> None:
        bob = await lab.signed_in("bob")
        other = await lab.sign_in("bob", bob.caller.user_id)
        answer = await sign_out(lab.services, bob.caller, other.row.id)
        assert [one.id for one in answer.sign_ins] == [bob.row.id]

    async def test_somebody_elses_needs_the_right(self, lab: AuthorityLab) -> None:
        bob, eve = await lab.signed_in("bob"), await lab.signed_in("eve", "auditor")
        with pytest.raises(NoRight):
            await sign_out(lab.services, eve.caller, bob.row.id)
        ada = await lab.signed_in("ada", "admin")
        await sign_out(lab.services, ada.caller, bob.row.id)
        row = await lab.read(lambda tx: tx.sign_ins.get(bob.row.id))
        assert row is not None
        assert str(row.end_reason) == "revoked"

    async def test_unknown_one_looks_like_somebody_elses(self, lab: AuthorityLab) -> None:
        bob, ada = await lab.signed_in("bob"), await lab.signed_in("ada", "admin")
        with pytest.raises(NoRight):
            await sign_out(lab.services, bob.caller, "a" * 26)
        with pytest.raises(Missing):
            await sign_out(lab.services, ada.caller, "a" * 26)


async def test_status_names_ones_own_sign_ins_only(lab: AuthorityLab) -> None:
    bob = await lab.signed_in("bob", "reviewer")
    await lab.signed_in("carol")
    answer = await status(lab.services, bob.caller)
    assert (answer.user_name, answer.roles, answer.live_sessions) == ("bob", ["reviewer"], 0)
    assert [(one.id, one.current) for one in answer.sign_ins] == [(bob.row.id, True)]


async def test_trust_is_what_a_client_holds_against_its_pin(lab: AuthorityLab) -> None:
    assert trust(lab.services).pin == lab.services.keys.pin


async def everywhere_guessed(lab: AuthorityLab, name: str) -> None:
    for number in range(ACCOUNT_FAILURES_MAX):
        lab.services.throttle.begun(name, f"10.{number // 250}.{number % 250}.1")


async def test_account_that_is_guessed_at_from_everywhere_still_listens_to_a_device_that_it_knows(
    lab: AuthorityLab, secret: str
) -> None:
    elsewhere = Peer("203.0.113.9")
    mark = (await sign_in_with(lab, "bob", code_at(lab, secret))).device
    assert mark
    await everywhere_guessed(lab, "bob")
    lab.advance(seconds=30)
    assert isinstance(await refused(lab, "bob", code_at(lab, secret), peer=elsewhere), SlowDown)
    # From a network where it has never been, with the mark alone.
    again = await sign_in_with(lab, "bob", code_at(lab, secret), peer=elsewhere, device=mark)
    assert again.device not in {"", mark}
    lab.advance(seconds=3600)
    assert (await sign_in_with(lab, "bob", code_at(lab, secret), peer=elsewhere)).user_name == "bob"


async def test_a_mark_of_another_user_or_none_at_all_opens_no_ear(lab: AuthorityLab, secret: str) -> None:
    _, carols = await enrolled_user(lab, "carol")
    mark = (await sign_in_with(lab, "carol", code_at(lab, carols))).device
    await everywhere_guessed(lab, "bob")
    for shown in (mark, "", "x" * 128):
        with pytest.raises(SlowDown):
            await sign_in_with(lab, "bob", code_at(lab, secret), device=shown)


async def test_a_mark_is_no_factor_and_its_wrong_answers_are_counted(lab: AuthorityLab, secret: str) -> None:
    signed_in = await sign_in_with(lab, "bob", code_at(lab, secret))
    lab.advance(seconds=30)
    with pytest.raises(SignInRefused):
        await sign_in_with(lab, "bob", code_at(lab, secret), password="wrong password here", device=signed_in.device)
    throttle = lab.services.throttle
    for number in range(ACCOUNT_FAILURES_MAX - 1):
        throttle.begun("bob", f"10.0.{number}.1", device=signed_in.sign_in_id)
    assert throttle.wait_everywhere_seconds("bob", signed_in.sign_in_id) > 0
    assert throttle.wait_everywhere_seconds("bob") == 0


async def test_name_that_nobody_has_meets_the_same_ceiling(lab: AuthorityLab) -> None:
    await everywhere_guessed(lab, "nobody")
    assert isinstance(await refused(lab, "nobody", "000000"), SlowDown)
