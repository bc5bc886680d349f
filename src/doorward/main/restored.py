"""What must not come back with a copy of the database: whatever was open when the copy was made.

A copy forgets what happened after it: proofs, codes and tokens that were spent are open again, sign-ins that were
ended live again. So a restore ends every session and sign-in and closes every code and token that is open. The
revocation epoch jumps to the time in milliseconds, beyond whatever a gateway can have seen: it waits for an epoch by
comparing, and would let everything pass that is smaller than what it remembers.
"""

from doorward.authority.endings import Ending, end_sign_ins
from doorward.authority.jobs.leases import end_presumed
from doorward.authority.noting import note
from doorward.base.clock import SystemClock, to_micros
from doorward.base.entropy import SystemEntropy
from doorward.domain.audit.event import OPERATOR
from doorward.domain.audit.events_people import INSTALLATION_RESTORED
from doorward.domain.identity.sign_in import SignInEnd
from doorward.domain.sessions.states import EndReason
from doorward.main.layout import Layout
from doorward.signer.totp import STEP_SECONDS
from doorward.stores.sql.restoring import SqlRestoring
from doorward.stores.sql.sqlite_store import open_sqlite
from doorward.stores.sql.transaction import SqlTransaction


async def close_what_was_open(layout: Layout) -> None:
    """Call it on the restored database, before anything is served."""
    store = await open_sqlite(layout.database, SystemClock(), SystemEntropy())
    try:
        await store.write(close_all)
    finally:
        await store.close()


def close_all(tx: SqlTransaction) -> None:
    """End and close everything, and note how much it was."""
    restoring, now_micros = SqlRestoring(tx.connection), to_micros(tx.now)
    restoring.jump(now_micros // 1000)
    ending = Ending.begin(tx)
    sessions = sum(end_presumed(tx, one, EndReason.GATEWAY_LOST, "restored") for one in tx.sessions.live())
    names = {stored.id: stored.name for stored in tx.resources.list("user")}
    sign_ins = 0
    for found in [tx.sign_ins.get(one) for one in restoring.live_sign_ins(tx.now)]:
        if found is not None:
            sign_ins += end_sign_ins(ending, [found], SignInEnd.REVOKED, OPERATOR, names.get(found.user_id, ""))
    restoring.pass_steps(now_micros // 1_000_000 // STEP_SECONDS)
    counts = {"sessions": sessions, "sign_ins": sign_ins, "epoch": ending.epoch}
    closed = {"codes": restoring.close_codes(tx.now), "tokens": restoring.close_tokens(tx.now)}
    note(tx, INSTALLATION_RESTORED, OPERATOR, {**counts, **closed})
