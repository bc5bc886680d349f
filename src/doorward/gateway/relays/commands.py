"""Finds the programs in a command line by which stock clients copy files.

A courtesy to honest people, not a wall: whoever may run commands can copy with `cat`, and with a shell in any number of
ways. So a command is looked at simply: the first word of each part between a shell's separators, without quotes, past
assignments and the programs that run another. What looks like a copy is refused, even where a shell would read it
differently.
"""

import re
from typing import Final

COPY_PROGRAMS: Final = frozenset({b"scp", b"rsync", b"sftp-server", b"internal-sftp"})
"""What stock clients run at the far end of a copy."""
RUNNERS: Final = frozenset(
    {b"exec", b"command", b"env", b"nohup", b"nice", b"ionice", b"sudo", b"doas", b"time", b"setsid", b"busybox"}
)
"""What runs the program named after it."""

_SEPARATORS: Final = re.compile(rb"[;&|()\n\r`{}]|\$\(")
_QUOTES: Final = re.compile(rb"[\\'\"]")
_ASSIGNMENT: Final = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*=")
_WORDS_MAX: Final = 16


def copies_files(command: bytes) -> bool:
    """Whether `command` names a copying program where a program stands."""
    return any(_program(part) in COPY_PROGRAMS for part in _SEPARATORS.split(command))


def _program(part: bytes) -> bytes:
    for word in part.split(None, _WORDS_MAX)[:_WORDS_MAX]:
        plain = _QUOTES.sub(b"", word)
        name = plain.rpartition(b"/")[2]
        if name not in RUNNERS and not plain.startswith(b"-") and not _ASSIGNMENT.match(plain):
            return name
    return b""
