"""Sessions and recordings as people look at them."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta


class SessionView(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One session; times are RFC 3339, None for what has not happened."""

    id: str
    state: str
    user_name: str
    node_name: str
    login: str
    source: str
    basis: str
    opened: str
    started: str | None
    ended: str | None
    end_reason: str | None
    level_asked: str
    level_achieved: str
    bytes_in: int
    bytes_out: int
    facts: dict[str, Any]


class SessionList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Newest first."""

    items: list[SessionView]


class EndSession(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """End it now; the user sees the message."""

    message: Annotated[str, Meta(max_length=512)] = ""


class RecordingView(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A recording and whose session it is of; `digest` is SHA-256 in hex when sealed."""

    session_id: str
    user_name: str
    node_name: str
    login: str
    started: str
    sealed: str | None
    size_bytes: int
    digest: str
    end_reason: str | None


class RecordingProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What proves a recording: its manifest's canonical JSON and the Ed25519 signature, both empty until it is sealed.

    `public_keys` are the installation's manifest keys. Signature and keys in hex.
    """

    session_id: str
    manifest: str
    signature: str
    public_keys: list[str]


class RecordingList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Newest first."""

    items: list[RecordingView]
