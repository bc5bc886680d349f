"""A recording on its way from the authority to a reader: kept in a file that has no name, checked, read frame by frame.

What the installation signed is compared with what came, before anything of it is shown. The keys come over the same
pinned connection as everything else, and are kept, so that an exported recording can be verified without it.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

from doorward.api.bodies.sessions import RecordingProof
from doorward.api.calls import RECORDING_CONTENT, RECORDING_PROOF
from doorward.base.errors import Invalid
from doorward.cli.connection import authority
from doorward.cli.exits import say
from doorward.cli.keep import MANIFEST_KEYS, Keep
from doorward.domain.recording.frames import Frame
from doorward.domain.recording.manifest import Manifest
from doorward.domain.recording.proof import NotProven, Proof, check_recording
from doorward.domain.recording.reader import ContainerReader, NeedData

CHUNK_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Download:
    """A whole container, and its proof when it is sealed: then it was checked against it."""

    container: BinaryIO
    proof: Proof | None


@contextmanager
def downloaded(session_id: str, *, purpose: str) -> Iterator[Download]:
    """The recording at its beginning; `purpose` is `play` or `export` and stands in the audit log.

    `NotProven` when it is not what was sealed. One that is not sealed yet is said to be unproven.
    """
    with tempfile.TemporaryFile() as unnamed:
        file = cast("BinaryIO", unnamed)
        with (
            authority() as client,
            client.content(RECORDING_CONTENT, places={"session_id": session_id}, query={"purpose": purpose}) as chunks,
        ):
            for chunk in chunks:
                file.write(chunk)
        with authority() as client:
            said = client.call(RECORDING_PROOF, places={"session_id": session_id})
        proof = _checked(file, session_id, said)
        if proof is None:
            say("this recording is not sealed yet: nothing proves what it shows")
        file.seek(0)
        yield Download(file, proof)


def verified(container: BinaryIO, proof: Proof, keys: Sequence[str]) -> Manifest:
    """The manifest of an exported recording, checked against `keys` (hex), else against those that were kept here."""
    known = list(keys) or (Keep.of_user().read(MANIFEST_KEYS) or "").split()
    if not known:
        raise NotProven("verifying a recording: no key of an installation is known here; give it with --key")
    return check_recording(proof, _chunks(container), [_key(one) for one in known])


def _checked(file: BinaryIO, session_id: str, said: RecordingProof) -> Proof | None:
    if not said.manifest:
        return None
    keep = Keep.of_user()
    keep.prepare()
    keep.write(MANIFEST_KEYS, "\n".join(said.public_keys) + "\n")
    proof = Proof(said.manifest.encode(), _key(said.signature))
    check_recording(proof, _chunks(file), [_key(one) for one in said.public_keys], session_id)
    return proof


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def _key(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise Invalid("verifying a recording: a key is 64 hexadecimal digits") from error


def frames(file: BinaryIO) -> Iterator[Frame]:
    """The frames of a container, from its first; a torn end ends it, anything else wrong is `CorruptRecording`."""
    reader = ContainerReader()
    for chunk in _chunks(file):
        reader.receive(chunk)
        while not isinstance(event := reader.next_event(), NeedData):
            yield event
