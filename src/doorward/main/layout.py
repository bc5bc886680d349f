"""Where things lie in a data directory, and who may touch them.

`keys/` belongs to the signer, `authority/` to the authority, `gateway/` to the gateway; `run/` holds the signer's
socket. All directories are 0700 and one user's; `handing_over` says how it is where each role has a user of its own.
The data directory of a gateway on another host holds what is in `gateway/` here.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from doorward.main.settings import BadSettings

MEETING_MODE: Final = 0o2710
"""Set-group-id: the socket that the signer makes there belongs to the authority's group."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths under one data directory."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "doorward.yaml"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def key_encryption_key(self) -> Path:
        return self.root / "kek"

    @property
    def authority(self) -> Path:
        return self.root / "authority"

    @property
    def database(self) -> Path:
        return self.authority / "doorward.db"

    @property
    def recordings(self) -> Path:
        return self.authority / "recordings"

    @property
    def client_secrets(self) -> Path:
        """The one folder out of which connectors may name a file."""
        return self.authority / "secrets"

    @property
    def splice_key(self) -> Path:
        return self.authority / "splice.key"

    @property
    def installation(self) -> Path:
        return self.root / "installation"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def signer_socket(self) -> Path:
        return self.run / "signer.sock"

    @property
    def gateway(self) -> Path:
        return self.root / "gateway"

    @property
    def gateway_identity(self) -> Path:
        return self.gateway / "identity"

    @property
    def spool(self) -> Path:
        return self.gateway / "spool"


def make_private_directory(path: Path) -> None:
    """Create `path` as 0700 if it is missing; refuse one that others may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_private(path)


def check_root(path: Path, *, is_shared: bool) -> None:
    """The data directory itself: ours alone; or, where each role has a user, root's, for others to pass through."""
    if not is_shared:
        check_private(path)
        return
    found = path.stat()
    if found.st_uid not in (0, os.geteuid()):
        raise BadSettings(f"checking {path}: it belongs to neither root nor us")
    if stat.S_IMODE(found.st_mode) & 0o066:
        raise BadSettings(f"checking {path}: others may list or change it; run chmod 0711 {path}")


def check_meeting_place(path: Path, gid: int) -> None:
    """The directory of the signer's socket where the authority has a user: ours, and for its group to pass through."""
    found = path.stat()
    if (found.st_uid, found.st_gid) != (os.geteuid(), gid) or stat.S_IMODE(found.st_mode) != MEETING_MODE:
        raise BadSettings(
            f"checking {path}: the signer's user and the authority's group are to have it, mode {MEETING_MODE:o}"
        )


def check_private(path: Path) -> None:
    """`BadSettings` when somebody else owns `path`, or may read it."""
    found = path.stat()
    if found.st_uid != os.geteuid():
        raise BadSettings(f"checking {path}: it belongs to another user")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise BadSettings(f"checking {path}: others may read it; run chmod -R go= {path}")
