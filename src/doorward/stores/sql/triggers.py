"""The rules that the database keeps even against our own code, as triggers for both engines.

A session's state moves as `MOVES` says, judged by the row that is there and not by what the writer claims it was. The
log grows by one number at a time; an entry never changes, except that its sidecar may be emptied; nothing is deleted.
"""

from collections.abc import Collection, Iterator
from typing import Final

from doorward.domain.sessions.states import FIRST_STATE, allowed_pairs
from doorward.stores.sql.tables_log import log_entries

# What a session is about never changes once it was decided upon.
SESSION_FIXED_COLUMNS: Final = (
    "id",
    "proof_digest",
    "proof_kind",
    "user_id",
    "sign_in_id",
    "node_id",
    "login",
    "gateway_id",
    "basis",
    "epoch",
    "opened",
)
LOG_FIXED_COLUMNS: Final = tuple(column.name for column in log_entries.columns if column.name != "sidecar")


def trigger_statements(dialect: str) -> Iterator[str]:
    """Every statement that makes the triggers, in order; `dialect` is `sqlite` or `postgresql`."""
    for name, table, when, condition, message in _rules():
        if dialect == "sqlite":
            yield _sqlite(name, table, when, condition, message)
        else:
            yield from _postgresql(name, table, when, condition, message)


def _rules() -> Iterator[tuple[str, str, str, str, str]]:
    """(name, table, when, forbidden condition, message); `{isnt}` is the null-safe inequality of the engine."""
    pairs = allowed_pairs()
    yield (
        "sessions_first_state",
        "sessions",
        "INSERT",
        f"NEW.state <> '{FIRST_STATE}'",
        "a session begins in its first state",
    )
    yield (
        "sessions_moves",
        "sessions",
        "UPDATE",
        f"NEW.state <> OLD.state AND NOT ({_pairs_condition(pairs)})",
        "a session does not move that way",
    )
    yield (
        "sessions_fixed",
        "sessions",
        "UPDATE",
        _changed(SESSION_FIXED_COLUMNS),
        "what a session is about does not change",
    )
    yield (
        "sessions_first_reason",
        "sessions",
        "UPDATE",
        "OLD.end_reason IS NOT NULL AND OLD.end_reason {isnt} NEW.end_reason",
        "the first reason for an end stands",
    )
    yield ("sessions_kept", "sessions", "DELETE", "OLD.state <> 'ended'", "a live session is not deleted")
    yield (
        "log_entries_dense",
        "log_entries",
        "INSERT",
        "NEW.seq <> (SELECT coalesce(max(seq) + 1, 0) FROM log_entries)",
        "the numbers of the audit log are dense",
    )
    yield (
        "log_entries_fixed",
        "log_entries",
        "UPDATE",
        f"NEW.sidecar IS NOT NULL OR {_changed(LOG_FIXED_COLUMNS)}",
        "an entry of the audit log is never changed",
    )
    yield ("log_entries_kept", "log_entries", "DELETE", "OLD.seq >= 0", "an entry of the audit log is never deleted")
    yield ("log_head_grows", "log_head", "UPDATE", "NEW.size < OLD.size", "the audit log never shrinks")
    yield ("log_head_kept", "log_head", "DELETE", "OLD.id = 1", "the head of the audit log is never deleted")
    yield (
        "resources_kept",
        "resources",
        "DELETE",
        "OLD.id IS NOT NULL",
        "the row of a resource stays and its id is never given again",
    )
    yield ("revocation_grows", "revocation", "UPDATE", "NEW.epoch <= OLD.epoch", "the revocation epoch only grows")


def _pairs_condition(pairs: Collection[tuple[str, str]]) -> str:
    return " OR ".join(f"(OLD.state = '{before}' AND NEW.state = '{after}')" for before, after in sorted(pairs))


def _changed(columns: Collection[str]) -> str:
    return " OR ".join(f"NEW.{column} {{isnt}} OLD.{column}" for column in columns)


def _sqlite(name: str, table: str, when: str, condition: str, message: str) -> str:
    forbidden = condition.replace("{isnt}", "IS NOT")
    return (
        f"CREATE TRIGGER {name} BEFORE {when} ON {table} WHEN {forbidden} BEGIN SELECT RAISE(ABORT, '{message}'); END"
    )


def _postgresql(name: str, table: str, when: str, condition: str, message: str) -> Iterator[str]:
    forbidden = condition.replace("{isnt}", "IS DISTINCT FROM")
    kept = "OLD" if when == "DELETE" else "NEW"
    yield (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {forbidden} THEN "
        f"RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation'; END IF; RETURN {kept}; END $$"
    )
    yield f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
