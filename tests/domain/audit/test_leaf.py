"""Leaf v1: its bytes, its salted hashes, and its sidecar."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.audit_events import events, signed_in

from doorward.base.entropy import SeededEntropy
from doorward.base.ids import new_id
from doorward.domain.audit.canonical import NotCanonical, canonical
from doorward.domain.audit.event import SYSTEM, Event
from doorward.domain.audit.event_types import FIELD_BYTES_MAX, LEAF_BYTES_MAX, EventType, Field, event_type, public
from doorward.domain.audit.events_people import USER_SIGNED_IN
from doorward.domain.audit.leaf import make_leaf, sidecar_fault

USER = new_id(SeededEntropy(1))


def test_leaf_v1_is_written_like_this_for_good() -> None:
    leaf = make_leaf(signed_in(USER), SeededEntropy(2))
    salts = SeededEntropy(2)
    name_salt, source_salt = salts.token(16), salts.token(16)
    name_hash = hashlib.sha256(name_salt + b'"alice"').hexdigest()
    source_hash = hashlib.sha256(source_salt + b'"192.0.2.7"').hexdigest()
    assert leaf.data.decode() == (
        f'{{"actor":{{"id":"{USER}","kind":"user"}},"at":1767225600000000,"code":"DW1201",'
        f'"fields":{{"method":"password"}},"hashed":{{"source":"{source_hash}","user_name":"{name_hash}"}},'
        f'"subjects":{{"user":"{USER}"}},"type":"user.signed_in","v":1}}'
    )
    assert leaf.hash == hashlib.sha256(b"\x00" + leaf.data).digest()
    assert leaf.sidecar == (
        f'{{"source":{{"salt":"{source_salt.hex()}","value":"192.0.2.7"}},'
        f'"user_name":{{"salt":"{name_salt.hex()}","value":"alice"}}}}'
    )


@given(events())
def test_leaf_and_sidecar_are_canonical_and_agree(event: Event) -> None:
    leaf = make_leaf(event, SeededEntropy(3))
    body = json.loads(leaf.data)
    assert canonical(body) == leaf.data
    assert leaf.sidecar is None or canonical(json.loads(leaf.sidecar)).decode() == leaf.sidecar
    assert sidecar_fault(body, leaf.sidecar) is None
    assert (leaf.sidecar is not None) == ("hashed" in body)
    assert len(leaf.data) <= LEAF_BYTES_MAX


@given(events())
def test_nothing_that_is_not_public_stands_in_the_leaf(event: Event) -> None:
    marked = {
        name: f"<{name}>" if (known := event.type.field(name)) and known.shape == "text" else value
        for name, value in event.fields.items()
    }
    leaf = make_leaf(Event(event.type, event.at_micros, event.actor, event.subjects, marked), SeededEntropy(3))
    for field in event.type.fields:
        if field.is_hashed:
            assert f"<{field.name}>".encode() not in leaf.data


def test_equal_values_do_not_show_as_equal() -> None:
    entropy = SeededEntropy(1)
    first, second = (json.loads(make_leaf(signed_in(USER), entropy).data)["hashed"] for _ in range(2))
    assert first["user_name"] != second["user_name"]


@given(events(), st.data())
def test_an_edited_sidecar_is_found(event: Event, data: st.DataObject) -> None:
    leaf = make_leaf(event, SeededEntropy(3))
    body = json.loads(leaf.data)
    beside = json.loads(leaf.sidecar or "{}")
    if not beside:
        assert sidecar_fault(body, '{"more":{"salt":"00","value":1}}') is not None
        return
    name = data.draw(st.sampled_from(sorted(beside)))
    for edited in (
        {**beside, name: {**beside[name], "value": [beside[name]["value"]]}},
        {**beside, name: {**beside[name], "salt": "00" * 16}},
        {**beside, name: {**beside[name], "salt": "zz" * 16}},
        {**beside, name: {"value": beside[name]["value"]}},
        {**beside, "more": beside[name]},
        {other: entry for other, entry in beside.items() if other != name},
        [beside],
    ):
        assert sidecar_fault(body, json.dumps(edited)) is not None


@pytest.mark.parametrize("sidecar", ["", "{", "[[[", '{"a":1.5}', "null"])
def test_a_broken_sidecar_is_found(sidecar: str) -> None:
    leaf = make_leaf(signed_in(USER), SeededEntropy(2))
    assert sidecar_fault(json.loads(leaf.data), sidecar) is not None


def test_a_removed_sidecar_is_no_fault() -> None:
    leaf = make_leaf(signed_in(USER), SeededEntropy(2))
    assert sidecar_fault(json.loads(leaf.data), None) is None


@pytest.mark.parametrize("name", ["method", "user_name"])
def test_a_long_value_stands_by_digest_and_length(name: str) -> None:
    long = "x" * FIELD_BYTES_MAX
    leaf = make_leaf(Event(USER_SIGNED_IN, 0, SYSTEM, fields={"method": "password", name: long}), SeededEntropy(2))
    body = json.loads(leaf.data)
    expected = {"length": len(long) + 2, "sha256": hashlib.sha256(f'"{long}"'.encode()).hexdigest()}
    assert body["long"] == [name]
    kept = body["fields"][name] if name == "method" else json.loads(leaf.sidecar or "")[name]["value"]
    assert kept == expected
    assert sidecar_fault(body, leaf.sidecar) is None


def test_a_leaf_with_every_field_at_its_limit_fits() -> None:
    fields = tuple(public(*(f"f{number}" for number in range(14))))
    widest = EventType("DW9999", "thing.happened", "x", fields)
    text = "\x01" * ((FIELD_BYTES_MAX - 2) // 6)  # each becomes six bytes
    leaf = make_leaf(Event(widest, 2**53 - 1, SYSTEM, fields={f.name: text for f in fields}), SeededEntropy(2))
    assert "long" not in json.loads(leaf.data)
    assert len(leaf.data) <= LEAF_BYTES_MAX


def test_half_a_surrogate_pair_fails_the_event() -> None:
    made = event_type("DW9001", "thing.happened", "x", public("a"), (Field("b"),))
    for name in ("a", "b"):
        with pytest.raises(NotCanonical):
            make_leaf(Event(made, 0, SYSTEM, fields={name: "\udc80"}), SeededEntropy(1))
