"""Levels are ordered, readable, and strict refuses what it can not store."""

import itertools

import pytest

from doorward.base.errors import Invalid
from doorward.domain.recording.levels import Content, RecordingLevel, StreamKind, coverage

STORED = {Content.UNSTORED: 0, Content.DIGEST: 1, Content.STORED: 2}


def test_levels_are_ordered_from_nothing_to_everything() -> None:
    texts = ["none", "events", "output", "output+input", "strict"]
    assert [level.text for level in sorted(RecordingLevel)] == texts
    assert [RecordingLevel.parse(text) for text in texts] == sorted(RecordingLevel)
    assert max(RecordingLevel.OUTPUT, RecordingLevel.STRICT, RecordingLevel.NONE) is RecordingLevel.STRICT


@pytest.mark.parametrize("text", ["", "Strict", "best_effort", "output_input", " none", "4"])
def test_an_unknown_level_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        RecordingLevel.parse(text)


@pytest.mark.parametrize("kind", list(StreamKind))
def test_a_higher_level_never_stores_less(kind: StreamKind) -> None:
    levels = sorted(RecordingLevel)
    for lower, higher in itertools.pairwise(levels):
        less, more = coverage(lower, kind), coverage(higher, kind)
        if not more.refused:
            assert STORED[more.output] >= STORED[less.output]
            assert STORED[more.input] >= STORED[less.input]
            assert more.events or not less.events


@pytest.mark.parametrize("kind", list(StreamKind))
def test_strict_stores_every_direction_or_refuses_the_stream(kind: StreamKind) -> None:
    strict = coverage(RecordingLevel.STRICT, kind)
    both = strict.output is not Content.UNSTORED and strict.input is not Content.UNSTORED
    assert strict.refused != both


def test_strict_refuses_exactly_what_can_not_be_stored() -> None:
    refused = {kind for kind in StreamKind if coverage(RecordingLevel.STRICT, kind).refused}
    assert refused == set(StreamKind) - {StreamKind.SHELL, StreamKind.EXEC, StreamKind.SFTP}


def test_only_strict_refuses() -> None:
    lower = [level for level in RecordingLevel if level is not RecordingLevel.STRICT]
    assert not any(coverage(level, kind).refused for level in lower for kind in StreamKind)
