"""Sessions as people look at them: all for those with the right, else one's own."""

from doorward.api.bodies.sessions import SessionView
from doorward.authority.callers import UserCaller
from doorward.authority.jobs.leases import is_lost
from doorward.authority.ports import Transaction
from doorward.authority.rights import has_right, require
from doorward.authority.services import Services
from doorward.base.errors import Missing
from doorward.base.ids import GatewayId, NodeId, SessionId, UserId, checked_id
from doorward.domain.sessions.record import SessionQuery, SessionRecord
from doorward.domain.sessions.states import EndReason, SessionState

LIMIT_MAX = 1000


async def list_sessions(
    services: Services, caller: UserCaller, *, user: str, node: str, live: bool, limit: int
) -> list[SessionView]:
    """Newest first. Without the right to list sessions, only one's own are ever found."""

    def work(tx: Transaction) -> list[SessionView]:
        view = services.policy.view(tx)
        every = has_right(services, tx, caller, "session", "list")
        user_id = UserId(view.user_names.get(user.lower(), "-")) if user else None
        node_id = NodeId(view.node_names.get(node, "-")) if node else None
        if not every:
            user_id = caller.user_id if user_id in {None, caller.user_id} else UserId("-")
        query = SessionQuery(user_id=user_id, node_id=node_id, live_only=live, limit=max(1, min(limit, LIMIT_MAX)))
        lost = lost_gateways(tx)
        return [view_of_session(one, lost) for one in tx.sessions.search(query)]

    return await services.store.read(work)


async def get_session(services: Services, caller: UserCaller, session_id: str) -> SessionView:
    """One session; another's needs the right, and looks missing without it."""

    def work(tx: Transaction) -> SessionView:
        found = tx.sessions.get(SessionId(checked_id(session_id)))
        if found is None or found.user_id != caller.user_id:
            require(services, tx, caller, "session", "read")
        if found is None:
            raise Missing("looking for a session: there is none of that id")
        return view_of_session(found, lost_gateways(tx))

    return await services.store.read(work)


def lost_gateways(tx: Transaction) -> frozenset[GatewayId]:
    """The gateways that do not renew their lease."""
    return frozenset(one.id for one in tx.gateways.with_removed() if is_lost(one, tx.now))


def view_of_session(one: SessionRecord, lost: frozenset[GatewayId] = frozenset()) -> SessionView:
    """What people see of a session; a live one on a lost gateway is `ending` until the gateway is back."""
    shown_lost = one.gateway_id in lost and one.state is not SessionState.ENDED
    reason = one.end_reason or (EndReason.GATEWAY_LOST if shown_lost else None)
    return SessionView(
        id=one.id,
        state=str(SessionState.ENDING if shown_lost else one.state),
        user_name=one.user_name,
        node_name=one.node_name,
        login=one.login,
        source=one.source,
        basis=one.basis,
        opened=one.opened.isoformat(),
        started=one.started.isoformat() if one.started else None,
        ended=one.ended.isoformat() if one.ended else None,
        end_reason=str(reason) if reason else None,
        level_asked=one.level_asked,
        level_achieved=one.level_achieved,
        bytes_in=one.bytes_in,
        bytes_out=one.bytes_out,
        facts={key: value for key, value in one.facts.items() if key != "session_key"},
    )
