"""Whether a recording is what the installation sealed: the file, its manifest and the signature belong together.

Needs nothing but these three and the public key, so that it works years later and far from the authority.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from doorward.base.errors import Invalid, Refused
from doorward.base.ids import SessionId
from doorward.domain.certificates.statements import BadStatement, SealedRecording, check_manifest
from doorward.domain.recording.digest import TreeDigest
from doorward.domain.recording.manifest import Manifest

PROOF_BYTES_MAX: Final = 128 * 1024


class NotProven(Refused):
    """The recording is not what was sealed, or nothing says that it is."""

    code = "recording_not_proven"


@dataclass(frozen=True, slots=True)
class Proof:
    """The manifest's signed bytes and the signature over them."""

    manifest: bytes
    signature: bytes

    def dump(self) -> bytes:
        """As a file beside the container."""
        return msgspec.json.encode(_File(self.manifest.decode(), self.signature.hex())) + b"\n"

    @classmethod
    def parse(cls, data: bytes) -> "Proof":
        """The proof in such a file; `Invalid` otherwise."""
        try:
            file = msgspec.json.decode(data, type=_File)
            return cls(file.manifest.encode(), bytes.fromhex(file.signature))
        except (msgspec.DecodeError, ValueError) as error:
            raise Invalid("reading a recording's proof: it is none of ours") from error


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    manifest: str
    signature: str


def check_recording(
    proof: Proof, chunks: Iterable[bytes], public_keys: Sequence[bytes], session_id: str | None = None
) -> Manifest:
    """The manifest, if one of the keys signed it for exactly these bytes; `NotProven` otherwise."""
    manifest = Manifest.parse(proof.manifest)
    tree = TreeDigest()
    for chunk in chunks:
        tree.update(chunk)
    if session_id not in (None, manifest.session_id):
        raise NotProven("checking a recording: the proof is of another session")
    if (tree.size_bytes, tree.digest()) != (manifest.size_bytes, manifest.digest_bytes):
        raise NotProven("checking a recording: its bytes are not those that were sealed")
    digest = hashlib.sha256(proof.manifest).digest()
    sealed = SealedRecording(SessionId(manifest.session_id), manifest.digest_bytes, manifest.size_bytes, digest)
    for key in public_keys:
        try:
            check_manifest(sealed, proof.signature, key)
        except BadStatement:
            continue
        return manifest
    raise NotProven("checking a recording: this installation has not signed it")
