"""The closed tables of SFTP: which operations change something, what the log calls them, what is refused and how."""

from typing import Final

from doorward.domain.recording.levels import DIGEST_FILE_BYTES_MAX
from doorward.wire.sftp.codes import OpenFlag, Operation, Status
from doorward.wire.sftp.requests import Attributes, Request

REQUESTS_WAITING_MAX: Final = 1024
"""Requests without an answer; stock clients keep 64."""
FILES_MAX: Final = 1024
"""Files and directories open at once in one stream."""
PATH_BYTES_MAX: Final = 4096
"""Linux takes no longer path."""

CHANGES: Final = {
    Operation.SETSTAT: "setstat",
    Operation.LSETSTAT: "setstat",
    Operation.FSETSTAT: "setstat",
    Operation.REMOVE: "remove",
    Operation.MKDIR: "mkdir",
    Operation.RMDIR: "rmdir",
    Operation.RENAME: "rename",
    Operation.POSIX_RENAME: "rename",
    Operation.SYMLINK: "symlink",
    Operation.HARDLINK: "hardlink",
    Operation.COPY_DATA: "copy",
}
"""Operation -> its name in the log: each is told when it is answered, and recorded before it is asked."""
OPENINGS: Final = frozenset({Operation.OPEN, Operation.OPENDIR})
CONTENTS: Final = frozenset({Operation.READ, Operation.WRITE, Operation.READDIR, Operation.CLOSE, Operation.FSYNC})
"""Told as a whole when their file is closed."""
BY_HANDLE: Final = frozenset(
    {
        Operation.CLOSE,
        Operation.READ,
        Operation.WRITE,
        Operation.FSTAT,
        Operation.FSETSTAT,
        Operation.READDIR,
        Operation.FSTATVFS,
        Operation.FSYNC,
        Operation.COPY_DATA,
    }
)
RESULTS: Final = {
    Status.OK: "ok",
    Status.EOF: "end of file",
    Status.NO_SUCH_FILE: "no such file",
    Status.PERMISSION_DENIED: "permission denied",
    Status.FAILURE: "failure",
    Status.BAD_MESSAGE: "bad message",
    Status.NO_CONNECTION: "no connection",
    Status.CONNECTION_LOST: "connection lost",
    Status.OP_UNSUPPORTED: "not supported",
}

LINE_UNKNOWN: Final = "doorward: this operation is not offered"
LINE_HANDLE: Final = "doorward: no such handle"
LINE_FILES: Final = f"doorward: at most {FILES_MAX} files can be open at once"
LINE_PATH: Final = "doorward: this path is too long, or has a zero byte in it"
LINE_LARGE: Final = f"doorward: files of more than {DIGEST_FILE_BYTES_MAX} bytes may not be copied in strict sessions"
LINE_BROKEN: Final = "doorward: this is no SFTP that can be read along; the transfer was ended"
UNFINISHED: Final = "unfinished"
ASKED: Final = "asked"
REFUSED: Final = "refused"
SO_FAR: Final = "so far"


def result_of(code: int) -> str:
    """A status in words; codes of later versions are given as their number."""
    try:
        return RESULTS[Status(code)]
    except ValueError:
        return f"status {code}"


def detail_of(request: Request) -> str:
    """What of a request its paths do not say."""
    if request.operation is Operation.OPEN:
        return " ".join(flag.name.lower() for flag in OpenFlag if request.flags & flag)
    if request.operation is Operation.UNKNOWN:
        return request.name[:64].decode("ascii", "backslashreplace")
    return "" if request.attributes is None else _attributes(request.attributes)


def _attributes(attributes: Attributes) -> str:
    words = []
    if attributes.size is not None:
        words.append(f"size {attributes.size}")
    if attributes.owner is not None:
        words.append("owner {}:{}".format(*attributes.owner))
    if attributes.permissions is not None:
        words.append(f"mode {attributes.permissions:o}")
    if attributes.times is not None:
        words.append("times {} {}".format(*attributes.times))
    return " ".join(words)
