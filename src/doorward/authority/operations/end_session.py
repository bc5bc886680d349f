"""An administrator ends a session, or a person their own."""

from doorward.authority.callers import UserCaller
from doorward.authority.endings import MESSAGES, Ending, cut
from doorward.authority.ports import Transaction
from doorward.authority.rights import require
from doorward.authority.services import Services
from doorward.base.errors import Missing
from doorward.base.ids import SessionId, checked_id
from doorward.domain.audit.event import Actor
from doorward.domain.kinds.names import one_line
from doorward.domain.sessions.record import SessionRecord
from doorward.domain.sessions.states import EndReason, SessionState


async def end_session(services: Services, caller: UserCaller, session_id: str, message: str) -> SessionRecord:
    """Order the cut; `message` becomes a line on a terminal.

    The answer shows the session as it is then (`ending` until its gateway has cut it).
    """
    one_line(message)

    def work(tx: Transaction) -> SessionRecord:
        ending = Ending.begin(tx)
        session = tx.sessions.get(SessionId(checked_id(session_id)))
        own = session is not None and session.user_id == caller.user_id
        if not own:
            require(services, tx, caller, "session", "end")
        if session is None:
            raise Missing("ending a session: there is none of that id")
        if session.state is not SessionState.ENDED:
            reason = EndReason.DROPPED if own else EndReason.REVOKED
            text = message or ("you ended this session" if own else MESSAGES[EndReason.REVOKED])
            cut(ending, [session], reason, text, Actor.user(caller.user_id))
        return tx.sessions.get(session.id) or session

    ended = await services.store.write(work)
    services.bell.ring()
    return ended
