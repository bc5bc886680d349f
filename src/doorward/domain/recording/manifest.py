"""What a sealed recording is: one small document that the signer signs and everyone can check.

`signed_bytes` are canonical (RFC 8785: sorted keys, no spaces, whole numbers below 2^53, plain strings), so that
whoever holds the recording and the manifest needs nothing else of ours.
"""

import re
from typing import Final, Self

import msgspec

from doorward.base.errors import Invalid
from doorward.domain.recording.digest import CHUNK_BYTES, DIGEST_BYTES
from doorward.domain.recording.levels import RecordingLevel, StreamKind
from doorward.domain.recording.tally import Tally

MANIFEST_VERSION: Final = 1
MANIFEST_BYTES_MAX: Final = 32 * 1024
DIGEST_ALGORITHM: Final = "sha256-rfc6962-1mib"
_SAFE_INTEGER_MAX: Final = 2**53 - 1
_FRAMES_MIN: Final = 2  # header and end
_KINDS: Final = frozenset(kind.value for kind in StreamKind)
_HEX_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class UnreadableManifest(Invalid):
    """The manifest is not one of ours."""

    code = "unreadable_manifest"


class KindPart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All streams of one kind; levels as text, `achieved` the lowest."""

    streams: int
    asked: str
    achieved: str
    output_bytes: int
    error_output_bytes: int
    input_bytes: int
    notes: int
    partial: bool


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Session, levels, size, digest (lower-case hex) and counts. Times: microseconds since 1970 UTC.

    `frames` counts all of them, the end frame included; `content_bytes` what was stored of streams.
    """

    session_id: str
    installation_id: str
    gateway_id: str
    level_asked: str
    level_achieved: str
    partial: bool
    started_micros: int
    ended_micros: int
    end_reason: str
    size_bytes: int
    digest: str
    frames: int
    content_bytes: int
    kinds: dict[str, KindPart]
    digest_algorithm: str = DIGEST_ALGORITHM
    chunk_bytes: int = CHUNK_BYTES
    version: int = MANIFEST_VERSION

    def __post_init__(self) -> None:
        numbers = (self.started_micros, self.ended_micros, self.size_bytes, self.frames, self.content_bytes)
        if not all(0 <= number <= _SAFE_INTEGER_MAX for number in numbers):
            raise Invalid("reading a manifest: a number is out of range")
        if _HEX_DIGEST.fullmatch(self.digest) is None:
            raise Invalid("reading a manifest: the digest is 64 lower-case hexadecimal digits")

    def signed_bytes(self) -> bytes:
        """The canonical JSON bytes: what is signed, stored and sent."""
        return msgspec.json.encode(self, order="sorted")

    @property
    def digest_bytes(self) -> bytes:
        """The digest as 32 bytes."""
        return bytes.fromhex(self.digest)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The manifest in `data`; `UnreadableManifest` unless these are exactly its canonical bytes."""
        if len(data) > MANIFEST_BYTES_MAX:
            raise UnreadableManifest("reading a manifest: it is too large")
        try:
            manifest = msgspec.json.decode(data, type=cls)
            levels = [manifest.level_asked, manifest.level_achieved]
            levels += [level for part in manifest.kinds.values() for level in (part.asked, part.achieved)]
            for level in levels:
                RecordingLevel.parse(level)
        except (msgspec.DecodeError, UnicodeDecodeError, Invalid) as error:
            raise UnreadableManifest("reading a manifest: its fields can not be read") from error
        if manifest.version != MANIFEST_VERSION or manifest.signed_bytes() != data:
            raise UnreadableManifest("reading a manifest: it is not in the canonical form of a known version")
        if not _adds_up(manifest):
            raise UnreadableManifest("reading a manifest: what it says of the kinds is not what it says of the whole")
        return manifest


def _adds_up(manifest: Manifest) -> bool:
    """Whether a tally can have said all of it: whoever makes one up must at least make it up without contradiction."""
    asked, parts = RecordingLevel.parse(manifest.level_asked), manifest.kinds.values()
    achieved = [RecordingLevel.parse(part.achieved) for part in parts]
    content = sum(part.output_bytes + part.error_output_bytes + part.input_bytes for part in parts)
    return (
        manifest.kinds.keys() <= _KINDS
        and all(_part_adds_up(part, asked) for part in parts)
        and RecordingLevel.parse(manifest.level_achieved) == min(achieved, default=asked)
        and manifest.partial == any(part.partial for part in parts)
        and manifest.content_bytes == content <= manifest.size_bytes
        and manifest.frames >= _FRAMES_MIN + sum(part.streams + part.notes for part in parts)
        and manifest.ended_micros >= manifest.started_micros
    )


def _part_adds_up(part: KindPart, asked: RecordingLevel) -> bool:
    numbers = (part.streams - 1, part.output_bytes, part.error_output_bytes, part.input_bytes, part.notes)
    return (
        all(0 <= number <= _SAFE_INTEGER_MAX for number in numbers)
        and RecordingLevel.parse(part.achieved) <= RecordingLevel.parse(part.asked) <= asked
        and not (part.partial and RecordingLevel.parse(part.achieved) > RecordingLevel.OUTPUT)
    )


def manifest_of(tally: Tally, *, size_bytes: int, digest: bytes) -> Manifest:
    """The manifest of a recording whose frames, up to its end, went through `tally`."""
    header = tally.header
    if header is None or tally.end_reason is None or len(digest) != DIGEST_BYTES:
        raise Invalid("making a manifest: the recording has no header or no end")
    kinds = tally.kinds()
    return Manifest(
        session_id=header.session_id,
        installation_id=header.installation_id,
        gateway_id=header.gateway_id,
        level_asked=header.level,
        level_achieved=tally.achieved().text,
        partial=any(counts.partial for counts in kinds.values()),
        started_micros=header.started_micros,
        ended_micros=header.started_micros + tally.elapsed_micros,
        end_reason=tally.end_reason,
        size_bytes=size_bytes,
        digest=digest.hex(),
        frames=tally.frames + 1,
        content_bytes=tally.content_bytes,
        kinds={
            kind.value: KindPart(
                streams=counts.streams,
                asked=counts.asked.text,
                achieved=counts.achieved.text,
                output_bytes=counts.output_bytes,
                error_output_bytes=counts.error_output_bytes,
                input_bytes=counts.input_bytes,
                notes=counts.notes,
                partial=counts.partial,
            )
            for kind, counts in kinds.items()
        },
    )
