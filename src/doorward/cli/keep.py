"""Where the user's sign-in lies: one directory, 0700, whose files are 0600 and appear whole or not at all."""

import os
import stat
from pathlib import Path
from typing import Final

from doorward.base.entropy import SystemEntropy
from doorward.base.errors import Invalid, Refused
from doorward.cli.ssh_start import DOOR_FILE, home_directory

PROFILE: Final = "profile.json"
SSH_KEY: Final = "id_ed25519"
SSH_PUBLIC_KEY: Final = "id_ed25519.pub"
SSH_CERTIFICATE: Final = "id_ed25519-cert.pub"
X509_KEY: Final = "x509.key"
X509_CHAIN: Final = "x509.pem"
ROOT: Final = "root.pem"
KNOWN_HOSTS: Final = "known_hosts"
INSTALLATION_ROOT: Final = "installation.pem"
MANIFEST_KEYS: Final = "manifest_keys"
DEVICE: Final = "device"
SIGN_IN_FILES: Final = (
    DOOR_FILE,
    SSH_KEY,
    SSH_PUBLIC_KEY,
    SSH_CERTIFICATE,
    X509_KEY,
    X509_CHAIN,
    INSTALLATION_ROOT,
)
"""What a sign-out removes. The profile, the root, the hosts that ssh believes, the keys of recordings and the mark of
this device stay: where to sign in, whom to believe, and that it has been here before. Without the hosts, stock ssh
would warn of an unknown gateway where the gateway would only have said that nobody is signed in."""
FILE_BYTES_MAX: Final = 1_048_576
_DIRECTORY_MODE: Final = 0o700
_FILE_MODE: Final = 0o600


class Keep:
    """The files of one sign-in."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @classmethod
    def of_user(cls) -> "Keep":
        """`$DOORWARD_HOME`, else `~/.config/doorward`."""
        return cls(Path(home_directory()))

    def path(self, name: str) -> Path:
        """Where a file is, or would be."""
        return self.directory / name

    def prepare(self) -> None:
        """Make the directory, for its owner alone; `Refused` when it is somebody else's."""
        self.directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        status = self.directory.stat()
        if status.st_uid != os.geteuid():
            raise Refused(f"writing to {self.directory}: it belongs to somebody else")
        if stat.S_IMODE(status.st_mode) != _DIRECTORY_MODE:
            self.directory.chmod(_DIRECTORY_MODE)

    def write(self, name: str, content: str) -> None:
        """Replace a file: readers see the old one or the new one, whole."""
        draft = self.directory / f".{name}.{SystemEntropy().token(8).hex()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            draft.replace(self.path(name))
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def read(self, name: str) -> str | None:
        """A file's text, None when there is none."""
        try:
            with self.path(name).open("rb") as file:
                content = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        if len(content) > FILE_BYTES_MAX:
            raise Invalid(f"reading {self.path(name)}: it is too long")
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Invalid(f"reading {self.path(name)}: it is not text") from error

    def remove(self, name: str) -> None:
        """Make sure that there is no such file."""
        self.path(name).unlink(missing_ok=True)
