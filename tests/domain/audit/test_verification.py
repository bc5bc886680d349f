"""Recomputing the log finds any edit, at its entry."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.audit_events import events, ids

from doorward.base.entropy import SeededEntropy
from doorward.domain.audit.event import Event
from doorward.domain.audit.leaf import make_leaf, subject_ids
from doorward.domain.audit.log import LogHead, VerifyReport
from doorward.domain.audit.merkle import Frontier
from doorward.domain.audit.verification import SUBJECT_COLUMNS, LogVerifier, StoredEntry

logs = st.lists(events(), min_size=1, max_size=5)


def stored(log: list[Event]) -> list[StoredEntry]:
    entropy = SeededEntropy(7)
    entries = []
    for seq, one in enumerate(log):
        leaf = make_leaf(one, entropy)
        about = subject_ids(one)
        columns: dict[str, object] = {name: about[subject] or None for name, subject in SUBJECT_COLUMNS.items()}
        columns |= {
            "at_micros": one.at_micros,
            "code": one.type.code,
            "type": one.type.name,
            "actor_id": one.actor.id or None,
        }
        entries.append(StoredEntry(seq, leaf.data, leaf.hash, leaf.sidecar, columns))
    return entries


def verified(
    entries: list[StoredEntry], head_of: list[StoredEntry], checkpoints: dict[int, bytes] | None = None
) -> VerifyReport:
    verifier = LogVerifier(checkpoints)
    for entry in entries:
        verifier.feed(entry)
    frontier = frontier_of(head_of)
    return verifier.report(LogHead(frontier.size, frontier.root(), 0), frontier.to_bytes())


def frontier_of(entries: list[StoredEntry]) -> Frontier:
    return Frontier().extended(entry.leaf_hash for entry in entries)


@given(logs)
def test_an_untouched_log_is_sound(log: list[Event]) -> None:
    entries = stored(log)
    report = verified(entries, entries, {1: entries[0].leaf_hash})
    assert report == VerifyReport(len(log), frontier_of(entries).root(), checkpoints=1)
    assert report.is_sound


@given(logs, st.data())
def test_any_edit_of_any_part_is_found_at_its_entry(log: list[Event], data: st.DataObject) -> None:
    entries = stored(log)
    at = data.draw(st.integers(0, len(log) - 1))
    entry = entries[at]
    column = data.draw(st.sampled_from(sorted(entry.columns)))
    edited = data.draw(
        st.sampled_from(
            [
                replace(entry, leaf=entry.leaf + b" "),
                replace(entry, leaf_hash=bytes(32)),
                replace(entry, seq=entry.seq + 1),
                replace(entry, sidecar='{"x":{"salt":"00","value":1}}'),
                replace(entry, columns={**entry.columns, column: _other(entry.columns[column])}),
            ]
        )
    )
    report = verified([*entries[:at], edited, *entries[at + 1 :]], entries)
    assert not report.is_sound
    assert report.fault_seq == edited.seq


def _other(value: object) -> Any:
    return value + 1 if isinstance(value, int) else "somebody"


@given(logs, st.data())
def test_removed_swapped_or_added_entries_are_found(log: list[Event], data: st.DataObject) -> None:
    entries = stored(log)
    at = data.draw(st.integers(0, len(log) - 1))
    assert not verified(entries[:at] + entries[at + 1 :], entries).is_sound
    renumbered = [replace(entry, seq=seq) for seq, entry in enumerate(entries[:at] + entries[at + 1 :])]
    assert not verified(renumbered, entries).is_sound
    assert not verified([*entries, replace(entries[at], seq=len(entries))], entries).is_sound
    assert not verified([], entries).is_sound


@given(logs)
def test_a_log_replaced_as_a_whole_is_found_by_a_checkpoint_kept_elsewhere(log: list[Event]) -> None:
    entries = stored(log)
    for checkpoints in ({len(log): bytes(32)}, {len(log) + 1: frontier_of(entries).root()}):
        report = verified(entries, entries, checkpoints)
        assert not report.is_sound
    assert verified(entries, entries).is_sound


@given(logs)
def test_an_erased_person_is_counted_and_no_fault(log: list[Event]) -> None:
    entries = stored(log)
    bare = [replace(entry, sidecar=None) for entry in entries]
    report = verified(bare, entries)
    assert report.is_sound
    assert report.erased == sum(entry.sidecar is not None for entry in entries)


@given(ids)
def test_a_column_that_names_someone_whom_the_leaf_does_not_is_found(user_id: str) -> None:
    entry = StoredEntry(0, b"{}", b"", None, {})
    assert not verified([replace(entry, columns={"user_id": user_id})], []).is_sound


@pytest.mark.parametrize("leaf", [b"", b"[]", b'{"v":2}', b"\xff", b"[" * 100_000])
def test_a_leaf_that_is_none_is_found(leaf: bytes) -> None:
    from doorward.domain.audit.merkle import leaf_hash

    report = verified([StoredEntry(0, leaf, leaf_hash(leaf), None, {})], [])
    assert report.fault_seq == 0
