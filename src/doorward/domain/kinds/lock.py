"""The kind `lock`: immediate denial of whatever its target names."""

from datetime import UTC, datetime
from typing import Any, Final

from doorward.base.errors import Invalid
from doorward.domain.access.locks import LOCK_FIELDS, LOCK_FIELDS_LATER, Lock
from doorward.domain.kinds.envelope import Kind, Metadata
from doorward.domain.kinds.fields import Fields
from doorward.domain.kinds.names import one_line

VERSION: Final = "v1"
MESSAGE_CHARACTERS_MAX: Final = 512
TARGET_CHARACTERS_MAX: Final = 256
_LOCKABLE: Final = tuple(field for field in LOCK_FIELDS if field not in LOCK_FIELDS_LATER)


def parse_lock(document: Fields, metadata: Metadata, version: str) -> Lock:
    """The lock of a document; it names at least one thing, and all that it names must be so."""
    spec = document.within("spec", required=True)
    target = spec.within("target", required=True)
    named: list[tuple[str, str]] = []
    for field in LOCK_FIELDS:
        value = target.parsed(field, _target_value)
        if value is not None and field in LOCK_FIELDS_LATER:
            target.wrong(field, "nothing of this kind can be locked yet")
        elif value is not None:
            named.append((field, value))
    if not target.table.entries and spec.has("target"):
        spec.wrong("target", f"at least one of {', '.join(_LOCKABLE)} is needed")
    target.finish()
    lock = Lock(
        metadata.name,
        tuple(named),
        spec.parsed("message", _message) or "",
        spec.moment("expires"),
        metadata.description,
    )
    spec.finish()
    return lock


def dump_lock(lock: Lock) -> dict[str, Any]:
    """The spec that `parse_lock` reads back."""
    spec: dict[str, Any] = {"target": dict(lock.target)}
    if lock.message:
        spec["message"] = lock.message
    if lock.expires is not None:
        spec["expires"] = _dump_moment(lock.expires)
    return {"spec": spec}


def _target_value(text: str) -> str:
    if not 0 < len(text) <= TARGET_CHARACTERS_MAX:
        raise Invalid(f"reading a lock: a name or an id of 1 to {TARGET_CHARACTERS_MAX} characters is expected")
    return one_line(text)


def _message(text: str) -> str:
    if len(text) > MESSAGE_CHARACTERS_MAX:
        raise Invalid(f"reading a lock: a message has at most {MESSAGE_CHARACTERS_MAX} characters")
    return one_line(text)


def _dump_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


LOCK: Final = Kind(
    "lock",
    (VERSION, "v2"),  # v2 is what Teleport writes
    Lock,
    parse_lock,
    dump_lock,
)
