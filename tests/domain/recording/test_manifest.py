"""A manifest is canonical, small, and says what the tally counted."""

import json

import pytest
from hypothesis import given
from tests.support.recordings import SESSION_ID, STARTED_MICROS, output, recording, recordings, shell

from doorward.base.errors import Invalid
from doorward.domain.recording.frames import Frame
from doorward.domain.recording.manifest import MANIFEST_BYTES_MAX, Manifest, UnreadableManifest, manifest_of
from doorward.domain.recording.tally import Tally


def made(frames: list[Frame]) -> Manifest:
    tally = Tally()
    for frame in frames:
        tally.add(frame)
    return manifest_of(tally, size_bytes=100, digest=bytes(32))


def test_it_says_what_was_recorded() -> None:
    manifest = made(recording((1, 0, shell()), (1, 2_500_000, output(b"abc"))))
    assert manifest.session_id == SESSION_ID
    assert manifest.ended_micros - manifest.started_micros == 2_500_000
    assert manifest.started_micros == STARTED_MICROS
    assert (manifest.frames, manifest.content_bytes, manifest.end_reason) == (4, 3, "closed")
    assert (manifest.level_asked, manifest.level_achieved, manifest.partial) == ("output", "output", False)
    assert manifest.kinds["shell"].output_bytes == 3


@given(frames=recordings())
def test_its_bytes_are_canonical_and_read_back(frames: list[Frame]) -> None:
    if frames[-1].type.name != "END":
        return
    manifest = made(frames)
    data = manifest.signed_bytes()
    assert Manifest.parse(data) == manifest
    assert data == json.dumps(json.loads(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert len(data) <= MANIFEST_BYTES_MAX


def test_a_recording_without_an_end_has_no_manifest() -> None:
    with pytest.raises(Invalid):
        made(recording(ended=False))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data + b" ",
        lambda data: data.replace(b'"version":1', b'"version":2'),
        lambda data: data.replace(b'"digest":"0', b'"digest":"A'),
        lambda data: data.replace(b'"level_asked":"output"', b'"level_asked":"all"'),
        lambda data: data.replace(b'"frames":2', b'"frames":-2'),
        lambda data: data[:-1],
        lambda data: data[:-1] + b',"zzz":1}',
        lambda data: b" " * (MANIFEST_BYTES_MAX + 1),
    ],
)
def test_anything_else_is_refused(damage: object) -> None:
    data = made(recording()).signed_bytes()
    with pytest.raises(UnreadableManifest):
        Manifest.parse(damage(data))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"level_achieved":"output"', b'"level_achieved":"events"'),
        (b'"achieved":"output"', b'"achieved":"strict"'),
        (b'"asked":"output"', b'"asked":"strict"'),
        (b'"partial":false,"session_id"', b'"partial":true,"session_id"'),
        (b'"content_bytes":3', b'"content_bytes":4'),
        (b'"output_bytes":3', b'"output_bytes":-3'),
        (b'"frames":4', b'"frames":2'),
        (b'"shell"', b'"shill"'),
        (b'"size_bytes":100', b'"size_bytes":2'),
        (b'"streams":1', b'"streams":0'),
    ],
)
def test_one_that_contradicts_itself_is_refused(old: bytes, new: bytes) -> None:
    data = made(recording((1, 0, shell()), (1, 5, output(b"abc")))).signed_bytes()
    assert old in data
    with pytest.raises(UnreadableManifest):
        Manifest.parse(data.replace(old, new, 1))
