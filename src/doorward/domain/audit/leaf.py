"""Leaf v1: the bytes of an event that enter the Merkle tree, and the sidecar that stands beside them.

A leaf is the canonical JSON of

    {"v":1, "at":MICROS, "code":"DW5002", "type":"session.opened", "actor":{"kind","id"}, "subjects":{NAME:ID ...},
     "fields":{NAME:VALUE ...}, "hashed":{NAME:HEX ...}, "long":[NAME ...]}

with empty members left out. A public field stands under `fields`. A sensitive or secret one stands under `hashed` as
the hex of SHA-256(salt || canonical value); salt and value are in the sidecar, `{NAME:{"salt":HEX,"value":VALUE}}`, and
can be removed without touching the leaf. A value longer than its field allows is replaced, before anything else, by
`{"length":BYTES,"sha256":HEX}` of its canonical form, and its name is listed under `long`. This format never changes:
another one gets another `v`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from doorward.base.entropy import Entropy
from doorward.domain.audit.canonical import NotCanonical, canonical, canonical_text
from doorward.domain.audit.event import Event
from doorward.domain.audit.event_types import LEAF_BYTES_MAX
from doorward.domain.audit.merkle import leaf_hash

VERSION: Final = 1
SALT_BYTES: Final = 16  # fixed, so that salt || value has one reading only


@dataclass(frozen=True, slots=True)
class Leaf:
    """What is stored of one event: `data` and `hash` for good, `sidecar` (JSON text, or none) until it is erased."""

    data: bytes
    hash: bytes
    sidecar: str | None


def make_leaf(event: Event, entropy: Entropy) -> Leaf:
    """The leaf of `event`, with a fresh salt for each hashed field; `NotCanonical` for values without a form."""
    plain: dict[str, str] = {}
    hashed: dict[str, str] = {}
    beside: dict[str, str] = {}
    long: list[str] = []
    try:
        for field in event.type.fields:
            value = event.fields.get(field.name)
            if value is None:
                continue
            text = canonical_text(value)
            form = text.encode()
            if len(form) > field.bytes_max:
                long.append(field.name)
                text = canonical_text({"length": len(form), "sha256": sha256(form).hexdigest()})
                form = text.encode()
            if field.is_hashed:
                salt = entropy.token(SALT_BYTES)
                hashed[field.name] = f'"{sha256(salt + form).hexdigest()}"'
                beside[field.name] = f'{{"salt":"{salt.hex()}","value":{text}}}'
            else:
                plain[field.name] = text
    except UnicodeEncodeError as error:
        raise NotCanonical(f"logging {event.type.name}: a field holds half a surrogate pair") from error
    data = _body(event, plain, hashed, sorted(long)).encode()
    if len(data) > LEAF_BYTES_MAX:
        raise AssertionError(f"a leaf of {event.type.name} is longer than its type allows")
    return Leaf(data, leaf_hash(data), _object(beside) if beside else None)


def _body(event: Event, plain: dict[str, str], hashed: dict[str, str], long: list[str]) -> str:
    """The leaf's text: canonical because its parts are, and its members stand in order. Ids need no escapes."""
    actor = f'"id":"{event.actor.id}",' if event.actor.id else ""
    subjects = {name: f'"{text}"' for name, text in subject_ids(event).items() if text}
    return "".join(
        (
            f'{{"actor":{{{actor}"kind":"{event.actor.kind}"}},"at":{event.at_micros},"code":"{event.type.code}"',
            f',"fields":{_object(plain)}' if plain else "",
            f',"hashed":{_object(hashed)}' if hashed else "",
            f',"long":{canonical_text(long)}' if long else "",
            f',"subjects":{_object(subjects)}' if subjects else "",
            f',"type":"{event.type.name}","v":{VERSION}}}',
        )
    )


def _object(members: Mapping[str, str]) -> str:
    """An object of members that are canonical already; the names are plain ASCII without quotes."""
    inside = ",".join([f'"{name}":{members[name]}' for name in sorted(members)])
    return f"{{{inside}}}"


def subject_ids(event: Event) -> dict[str, str]:
    """The subjects by name, empty ones included."""
    about = event.subjects
    return {
        "user": about.user,
        "person": about.person,
        "node": about.node,
        "session": about.session,
        "sign_in": about.sign_in,
        "gateway": about.gateway,
        "resource": about.resource,
    }


def sidecar_fault(body: Mapping[str, object], sidecar: str | None) -> str | None:
    """What is wrong between a leaf's parsed body and its sidecar, in a few words; none when they agree.

    A missing sidecar is no fault: the person was erased. One that is there must cover every hashed field, and no other.
    """
    if sidecar is None:
        return None
    hashed = body.get("hashed", {})
    try:
        beside = json.loads(sidecar)
    except (ValueError, RecursionError):
        return "the sidecar is not JSON"
    if not isinstance(hashed, dict) or not isinstance(beside, dict) or hashed.keys() != beside.keys():
        return "the sidecar has other fields than the leaf"
    for name, expected in hashed.items():
        if not _matches(expected, beside[name]):
            return f"the sidecar's {name} is not what was hashed"
    return None


def _matches(expected: object, entry: object) -> bool:
    if not isinstance(expected, str) or not isinstance(entry, dict) or entry.keys() != {"salt", "value"}:
        return False
    salt_text = entry["salt"]
    if not isinstance(salt_text, str) or len(salt_text) != 2 * SALT_BYTES:
        return False
    try:
        actual = sha256(bytes.fromhex(salt_text) + canonical(entry["value"])).hexdigest()
    except (ValueError, NotCanonical):
        return False
    return compare_digest(actual.encode(), expected.encode("utf-8", "replace"))
