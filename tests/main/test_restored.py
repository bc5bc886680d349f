"""A copy of the database that is put back opens nothing that was open when it was made."""

from datetime import timedelta

import pytest
from tests.support.authority_lab import OPS, PEER, open_lab
from tests.support.enrolments import client_keys
from tests.support.proofs import open_as

from doorward.api.bodies.administration import AddUser, IssueToken, JoinGateway
from doorward.authority.operations.joining import issue_token, join_gateway
from doorward.authority.operations.tokens import TokenRefused
from doorward.authority.operations.users import add_user
from doorward.base.clock import to_micros
from doorward.domain.identity.factors import TotpFactor
from doorward.domain.identity.invitation import hash_code
from doorward.domain.sessions.states import EndReason, SessionState
from doorward.main.restored import close_all


async def test_nothing_that_was_open_is_open_after_a_restore() -> None:
    async with open_lab() as lab:
        await lab.declare(OPS)
        await lab.node("prod-web-01", {"env": "prod"})
        bob = await lab.signed_in("bob", "ops")
        ada = await lab.signed_in("ada", "admin")
        plan = await open_as(lab, bob, "dwt-root@prod-web-01")
        token = (await issue_token(lab.services, ada.caller, IssueToken("gateway", "gw2", ["gw2.example"]))).token
        code = (await add_user(lab.services, ada.caller, AddUser("carol", []))).code
        await lab.store.write(close_all)
        session = await lab.session(plan.session_id)
        assert (session.state, session.end_reason) == (SessionState.ENDED, EndReason.GATEWAY_LOST)
        for who in (bob, ada):
            row = await lab.read(lambda tx, who=who: tx.sign_ins.get(who.row.id))  # type: ignore[misc]
            assert not row.is_live(lab.clock.now())
        with pytest.raises(TokenRefused):
            await join_gateway(lab.services, PEER, JoinGateway(token, ["gw2.example"], client_keys().x509_request_pem))
        invitation = await lab.read(lambda tx: tx.invitations.by_code_hash(hash_code(code)))
        assert invitation is not None
        assert not invitation.is_open(lab.clock.now())
        (noted,) = await lab.events("installation.restored")
        assert [noted.fields[name] for name in ("sessions", "sign_ins", "codes", "tokens")] == [1, 2, 1, 1]


async def test_epoch_is_beyond_all_that_was_seen_at_each_restore() -> None:
    async with open_lab() as lab:
        for _ in range(2):
            before = await lab.epoch()
            await lab.store.write(close_all)
            assert await lab.epoch() > max(before, to_micros(lab.clock.now()) // 1000)
            lab.advance(seconds=1)


async def test_a_code_that_is_good_now_may_have_been_given() -> None:
    async with open_lab() as lab:
        user = await lab.user("bob")
        now = lab.clock.now()
        factor = TotpFactor("f" * 26, user, b"sealed", 1, now - timedelta(days=1), "invitation")
        await lab.store.write(lambda tx: tx.totp.add(factor))
        await lab.store.write(close_all)
        (found,) = await lab.read(lambda tx: tx.totp.list(user))
        assert found.last_step == to_micros(now) // 30_000_000
