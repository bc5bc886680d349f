"""Reading the log: pages of entries that match, and its head.

A reader sees public and sensitive values. Secret ones are named and withheld; erased ones are named as erased.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from doorward.base.clock import from_micros, to_micros
from doorward.domain.audit.catalogue import BY_NAME
from doorward.domain.audit.event_types import FieldClass
from doorward.domain.audit.log import LogEntry, LogHead, LogQuery
from doorward.stores.sql.tables_log import log_entries, log_head


def log_head_of(connection: Connection) -> LogHead:
    """The log's size, root and latest time."""
    row = connection.execute(select(log_head).where(log_head.c.id == 1)).one()
    return LogHead(row.size, row.root, row.last_at_micros)


def search_log(connection: Connection, query: LogQuery) -> Sequence[LogEntry]:
    """One page, the newest first; continue with `before_seq` of the last entry."""
    entries = log_entries.c
    statement = select(entries.seq, entries.leaf, entries.leaf_hash, entries.sidecar)
    if query.since is not None:
        statement = statement.where(entries.at_micros >= to_micros(query.since))
    if query.until is not None:
        statement = statement.where(entries.at_micros < to_micros(query.until))
    if query.user_id is not None:
        columns = (entries.user_id, entries.actor_id, entries.person_id)
        statement = statement.where(or_(*(column == query.user_id for column in columns)))
    for column, wanted in (
        (entries.node_id, query.node_id),
        (entries.resource_id, query.resource_id),
        (entries.session_id, query.session_id),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if query.types:
        statement = statement.where(entries.type.in_(query.types))
    if query.before_seq is not None:
        statement = statement.where(entries.seq < query.before_seq)
    rows = connection.execute(statement.order_by(entries.seq.desc()).limit(query.limit))
    return [_entry(row) for row in rows]


def _entry(row: Row[Any, Any, Any, Any]) -> LogEntry:
    body: Mapping[str, Any] = json.loads(row.leaf)
    beside: Mapping[str, Any] | None = None if row.sidecar is None else json.loads(row.sidecar)
    hashed = tuple(body.get("hashed", ()))
    fields: dict[str, Any] = dict(body.get("fields", {}))
    withheld: list[str] = []
    for name in hashed if beside is not None else ():
        if _is_sensitive(body["type"], name):
            fields[name] = beside[name]["value"] if beside is not None else None
        else:
            withheld.append(name)
    return LogEntry(
        seq=row.seq,
        at=from_micros(body["at"]),
        code=body["code"],
        type=body["type"],
        actor_kind=body["actor"]["kind"],
        actor_id=body["actor"].get("id", ""),
        subjects=body.get("subjects", {}),
        fields=fields,
        leaf_hash=row.leaf_hash,
        withheld=tuple(withheld),
        erased=hashed if beside is None else (),
    )


def _is_sensitive(type_name: str, name: str) -> bool:
    """Whether the value may be shown; what the catalogue does not know counts as secret."""
    known = BY_NAME.get(type_name)
    field = None if known is None else known.field(name)
    return field is not None and field.field_class is FieldClass.SENSITIVE
