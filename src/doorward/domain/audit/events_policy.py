"""Events about declared resources, locks, and the log itself (DW2xxx and DW7xxx).

A resource's body may hold anything that an administrator wrote, so the log keeps its digest. What a change cut is told
by `policy.redecided` and by each session that was cut. Searching the log shows personal data, so it leaves a trace like
any other viewing.
"""

from typing import Final

from doorward.domain.audit.event_types import EventType, Shape, event_type, public, sensitive

# A user's name is a person's, and so may be whatever people call their nodes, roles and locks. A digest of a short body
# can be found by trying names, so it goes with the name.
_RESOURCE: Final = (
    *public("kind", required=True),
    *sensitive("name", required=True),
    *public("revision", shape=Shape.INTEGER),
)

RESOURCE_CREATED: Final = event_type(
    "DW2001",
    "resource.created",
    "something was declared",
    _RESOURCE,
    sensitive("body_sha256"),
)
RESOURCE_UPDATED: Final = event_type(
    "DW2002",
    "resource.updated",
    "a declared thing was changed",
    _RESOURCE,
    sensitive("body_sha256"),
)
RESOURCE_DELETED: Final = event_type(
    "DW2003", "resource.deleted", "a declared thing was removed; its id is never given again", _RESOURCE
)
LOCK_CREATED: Final = event_type(
    "DW2101",
    "lock.created",
    "a lock denies what it names, and cuts it",
    sensitive("name"),
    sensitive("target", shape=Shape.OBJECT),
    public("epoch", "expires_micros", shape=Shape.INTEGER),
    sensitive("message"),
)
LOCK_DELETED: Final = event_type(
    "DW2102", "lock.deleted", "a lock was removed", sensitive("name"), sensitive("target", shape=Shape.OBJECT)
)
POLICY_REDECIDED: Final = event_type(
    "DW2103",
    "policy.redecided",
    "live sessions were decided anew after a change",
    public("change_counter", "sessions", "cut", shape=Shape.INTEGER),
)
AUDIT_SEARCHED: Final = event_type(
    "DW7001",
    "audit.searched",
    "someone looked into the log",
    public("found", shape=Shape.INTEGER),
    sensitive("query", shape=Shape.OBJECT),
)
AUDIT_VERIFIED: Final = event_type(
    "DW7002",
    "audit.verified",
    "the whole log was recomputed and compared",
    public("entries", shape=Shape.INTEGER),
    public("root", "result"),
)
AUDIT_ERASED: Final = event_type(
    "DW7003",
    "audit.erased",
    "the values about one person were removed from the log; the hashes stay",
    public("entries", shape=Shape.INTEGER, required=True),
)

POLICY_EVENTS: Final[tuple[EventType, ...]] = (
    RESOURCE_CREATED,
    RESOURCE_UPDATED,
    RESOURCE_DELETED,
    LOCK_CREATED,
    LOCK_DELETED,
    POLICY_REDECIDED,
    AUDIT_SEARCHED,
    AUDIT_VERIFIED,
    AUDIT_ERASED,
)
