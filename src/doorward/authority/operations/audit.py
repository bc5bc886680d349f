"""Searching and verifying the audit log. Looking into it leaves a trace of its own."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from doorward.api.bodies.audit import AuditEntry, AuditPage, AuditVerification
from doorward.api.signer.refusals import ForkedCheckpoint, StaleCheckpoint
from doorward.authority.callers import UserCaller
from doorward.authority.checkpoints import fault_of, sign_head
from doorward.authority.noting import note
from doorward.authority.operations.removed_users import removed_users
from doorward.authority.policy import PolicyView
from doorward.authority.ports import Transaction
from doorward.authority.rights import require
from doorward.authority.services import Services
from doorward.base.errors import Invalid
from doorward.base.ids import checked_id, is_id
from doorward.domain.audit.catalogue import BY_NAME
from doorward.domain.audit.event import Actor
from doorward.domain.audit.events_policy import AUDIT_ERASED, AUDIT_SEARCHED, AUDIT_VERIFIED
from doorward.domain.audit.log import PAGE_ENTRIES_MAX, LogEntry, LogQuery, VerifyReport

PAGE_MAX: Final = 500
SEARCHED_BY: Final = frozenset({"since", "until", "user", "resource", "session", "type", "before", "limit"})
# An id that nothing has: a name that is unknown finds nothing, instead of everything.
_NOBODY: Final = "a" * 26


class Search:
    """What a caller asked for, as text; parsed here."""

    def __init__(self, wanted: dict[str, str]) -> None:
        if not wanted.keys() <= SEARCHED_BY:
            # A part of the question that is dropped would widen the answer.
            raise Invalid(f"searching the log: it is searched by {', '.join(sorted(SEARCHED_BY))}")
        self.wanted = {name: value for name, value in wanted.items() if value}

    def query(self, view: PolicyView, tx: Transaction) -> LogQuery:
        """With names looked up; `Invalid` for what can not be read."""
        return LogQuery(
            since=self._moment("since"),
            until=self._moment("until"),
            user_id=self._user(view),
            resource_id=None if self._node(view) else self._resource(view, tx),
            node_id=self._node(view),
            session_id=checked_id(self.wanted["session"]) if "session" in self.wanted else None,
            types=self._types(),
            before_seq=self._number("before"),
            limit=min(self._number("limit") or 100, PAGE_MAX),
        )

    def _moment(self, name: str) -> datetime | None:
        text = self.wanted.get(name)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise Invalid(f"reading {name}: a time like 2026-01-31T12:00:00Z is expected") from error
        if moment.tzinfo is None:
            raise Invalid(f"reading {name}: the time needs a zone, as in 2026-01-31T12:00:00Z")
        return moment

    def _number(self, name: str) -> int | None:
        text = self.wanted.get(name)
        if text is None:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise Invalid(f"reading {name}: a whole number is expected")
        return int(text)

    def _user(self, view: PolicyView) -> str | None:
        text = self.wanted.get("user")
        return None if text is None else _id_of(text, view.user_names)

    def _node(self, view: PolicyView) -> str | None:
        kind, _, name = self.wanted.get("resource", "").partition("/")
        return _id_of(name, view.node_names) if kind == "node" else None

    def _resource(self, view: PolicyView, tx: Transaction) -> str | None:
        text = self.wanted.get("resource")
        if text is None:
            return None
        kind, _, name = text.partition("/")
        if not name:
            return text if is_id(text) else _NOBODY
        found = tx.resources.get(kind, name)
        return found.id if found is not None else _NOBODY

    def _types(self) -> tuple[str, ...]:
        names = tuple(name for name in self.wanted.get("type", "").split(",") if name)
        for name in names:
            if name not in BY_NAME:
                raise Invalid(f"searching the log: there is no type of event {name[:64]}")
        return names


def _id_of(name: str, names: Any) -> str:
    if is_id(name):  # first: something may still be called like another's id
        return name
    found = names.get(name.lower())
    return str(found) if found else _NOBODY


async def search_audit(services: Services, caller: UserCaller, search: Search) -> AuditPage:
    """One page, newest first."""

    def prepare(tx: Transaction) -> tuple[LogQuery, dict[str, str]]:
        require(services, tx, caller, "audit", "list")
        view = services.policy.view(tx)
        return search.query(view, tx), {user_id: stored.name for user_id, (stored, _) in view.users.items()}

    query, names = await services.store.read(prepare)
    if query.user_id == _NOBODY:
        gone = await removed_users(services, search.wanted["user"])
        query = replace(query, user_id=gone[0] if gone else _NOBODY)
    entries = await services.log.search_log(query)
    fields = {"found": len(entries), "query": search.wanted}
    await services.store.write(lambda tx: note(tx, AUDIT_SEARCHED, Actor.user(caller.user_id), fields))
    more = entries[-1].seq if len(entries) == query.limit and entries else None
    return AuditPage([_entry(one, names) for one in entries], more)


def _entry(one: LogEntry, names: dict[str, str]) -> AuditEntry:
    actor = names.get(one.actor_id, one.actor_id) or one.actor_kind
    return AuditEntry(
        number=one.seq,
        at=one.at.isoformat(),
        code=one.code,
        type=one.type,
        actor=f"{one.actor_kind}:{actor}" if one.actor_id else one.actor_kind,
        fields={**{f"{name}_id": value for name, value in one.subjects.items()}, **one.fields},
        leaf_hash=one.leaf_hash.hex(),
    )


async def verify_audit(services: Services, caller: UserCaller) -> AuditVerification:
    """Recompute everything and hold it against what the signer signed; needs `audit: read`."""
    await services.store.read(lambda tx: require(services, tx, caller, "audit", "read"))
    report = await services.log.verify_log()
    problem = report.fault or await _beyond_the_entries(services, report)
    newest = None if problem else await services.store.read(lambda tx: tx.checkpoints.latest())
    fields = {"entries": report.entries, "root": report.root.hex(), "result": problem or "sound"}
    await services.store.write(lambda tx: note(tx, AUDIT_VERIFIED, Actor.user(caller.user_id), fields))
    return AuditVerification(
        ok=not problem,
        entries=report.entries,
        root_hash=report.root.hex(),
        problem=problem,
        problem_entry=report.fault_seq,
        erased=report.erased,
        checkpoint="" if newest is None else newest.note,
    )


async def _beyond_the_entries(services: Services, report: VerifyReport) -> str:
    """What the entries alone can not show: a log rewritten as a whole, or emptied of values without an event."""
    for kept in await services.store.read(lambda tx: tx.checkpoints.list()):
        fault = fault_of(services, kept)
        if fault:
            return fault
    try:
        await sign_head(services)
    except (StaleCheckpoint, ForkedCheckpoint):
        return "the signer has signed another log before"
    erasures = await services.log.search_log(LogQuery(types=(AUDIT_ERASED.name,), limit=PAGE_ENTRIES_MAX))
    told = sum(int(one.fields.get("entries", 0)) for one in erasures)
    if report.erased > told:
        return f"values of {report.erased} entries were removed, but events tell of {told}"
    return ""
