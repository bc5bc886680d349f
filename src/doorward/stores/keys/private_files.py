"""Files that only we may read: opened without following links, checked on the descriptor, written atomically."""

import os
import stat
from pathlib import Path
from typing import Final

from doorward.base.errors import Refused

PRIVATE_FILE_BYTES_MAX: Final = 16_384


class KeysRefused(Refused):
    """The keys can not be used as they lie there; the message is the one line that stops the start."""

    code = "keys_refused"


def check_private_directory(path: Path) -> None:
    """Pass if `path` is a directory of ours that nobody else can enter."""
    try:
        status = path.lstat()
    except OSError as error:
        raise KeysRefused(f"opening the keys: {path} can not be read ({error.strerror})") from error
    if not stat.S_ISDIR(status.st_mode):
        raise KeysRefused(f"opening the keys: {path} is not a directory")
    _check_owner_only(path, status, what="directory")


def read_private_file(path: Path, *, group_may_read: bool = False) -> bytes:
    """The content of a regular file of ours (or root's) that nobody else can reach; `KeysRefused` otherwise."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise KeysRefused(f"opening the keys: {path} can not be read ({error.strerror})") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeysRefused(f"opening the keys: {path} is not a regular file")
        _check_owner_only(path, status, what="file", group_may_read=group_may_read)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(PRIVATE_FILE_BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    if len(content) > PRIVATE_FILE_BYTES_MAX:
        raise KeysRefused(f"opening the keys: {path} is too long to be a key")
    return content


def write_private_file(path: Path, content: bytes, *, may_replace: bool) -> None:
    """Make `path` hold `content`, mode 0600, durable when this returns; never half of it, whatever crashes.

    With `may_replace` false an existing file is refused: a key is never overwritten by accident.
    """
    temporary = path.with_name(f".new-{path.name}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if may_replace:
            temporary.replace(path)
        else:
            path.hardlink_to(temporary)  # unlike a rename, this fails when the name is taken
    except FileExistsError as error:
        raise KeysRefused(f"writing a key: {path} exists already") from error
    finally:
        temporary.unlink(missing_ok=True)
    _sync_directory(path.parent)


def remove_private_file(path: Path) -> None:
    """`path` is gone, durably, when this returns; one that is not there is no error.

    What a disk keeps of removed files, and what backups hold, is still sealed under the key-encryption key.
    """
    path.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_owner_only(path: Path, status: os.stat_result, *, what: str, group_may_read: bool = False) -> None:
    if status.st_uid not in (os.geteuid(), 0):
        raise KeysRefused(f"opening the keys: the {what} {path} belongs to user {status.st_uid}, not to us")
    forbidden = 0o037 if group_may_read else 0o077
    if status.st_mode & forbidden:
        mode = stat.S_IMODE(status.st_mode)
        raise KeysRefused(f"opening the keys: the {what} {path} is open to others (mode {mode:04o}); chmod go= it")
