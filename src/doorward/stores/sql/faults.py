"""What the database's errors mean to the caller.

Locked, full, gone, interrupted: `Unavailable`, and nothing of the unit of work was stored. A broken constraint or a
trigger's refusal: `Conflict`. The driver's own words stay in the chain and are never shown.
"""

import sqlite3

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from doorward.base.errors import Conflict, DoorwardError, Unavailable

# A retry helps: could not serialize, deadlock found (PostgreSQL, appendix A of its manual).
RETRIED_SQLSTATES = frozenset({"40001", "40P01"})


class StoreUnavailable(Unavailable):
    """The database does not answer, is locked, or is full."""

    code = "store_unavailable"


class StoreBusy(Unavailable):
    """More waits than the store takes on, or it took too long."""

    code = "store_busy"


class RuleBroken(Conflict):
    """The database refused: a constraint or a trigger."""

    code = "store_rule_broken"


DRIVER_ERRORS = (SQLAlchemyError, sqlite3.Error, OSError)


def meaning(error: BaseException) -> BaseException:
    """`error` as the caller should see it; what is not the database's passes as it is."""
    if isinstance(error, DoorwardError):
        return error
    if isinstance(error, IntegrityError | sqlite3.IntegrityError):
        found: DoorwardError = RuleBroken("storing a change: it breaks a rule of the store")
    elif isinstance(error, DBAPIError | sqlite3.Error | OSError | TimeoutError):
        found = StoreUnavailable("using the store: the database is locked, full or gone")
    else:
        return error
    found.__cause__ = error
    return found


def is_retried(error: BaseException) -> bool:
    """Whether running the whole unit of work again may succeed at once."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in RETRIED_SQLSTATES
