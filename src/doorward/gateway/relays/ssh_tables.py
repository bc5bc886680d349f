"""The closed tables of SSH: channel types, global requests, subsystems. What is not here is refused (security.md 8)."""

import re
from dataclasses import dataclass
from typing import Final

from doorward.domain.recording.levels import StreamKind

SESSION: Final = b"session"
NEVER_OFFERED: Final = {b"x11": StreamKind.X11, b"tun@openssh.com": StreamKind.TUN}
FROM_USERS: Final = {
    b"direct-tcpip": StreamKind.LOCAL_FORWARD,
    b"direct-streamlocal@openssh.com": StreamKind.UNIX_FORWARD,
}
"""Type of channel that a user's client may open beside sessions -> the stream that it is."""
FROM_NODES: Final = {
    b"forwarded-tcpip": StreamKind.REMOTE_FORWARD,
    b"forwarded-streamlocal@openssh.com": StreamKind.REMOTE_FORWARD,
    b"auth-agent@openssh.com": StreamKind.AGENT,
}
"""Type of channel that a node may open, after it was asked to."""

NO_MORE_SESSIONS: Final = b"no-more-sessions@openssh.com"
LISTEN: Final = frozenset({b"tcpip-forward", b"streamlocal-forward@openssh.com"})
CANCEL: Final = {
    b"cancel-tcpip-forward": b"tcpip-forward",
    b"cancel-streamlocal-forward@openssh.com": b"streamlocal-forward@openssh.com",
}

SUBSYSTEMS: Final = {b"sftp": StreamKind.SFTP}

ENVIRONMENT: Final = re.compile(rb"LANG|TERM|COLORTERM|LC_[A-Z_]{1,32}")
ENVIRONMENT_VALUE: Final = re.compile(rb"[A-Za-z0-9_.,:@+-]{0,64}")
ENVIRONMENT_COUNT_MAX: Final = 32
SIGNAL: Final = re.compile(rb"[A-Z][A-Z0-9]{0,15}(?:@[a-z0-9.-]{1,64})?")
TERMINAL: Final = re.compile(rb"[\x21-\x7e]{0,64}")

COMMAND_BYTES_MAX: Final = 128 * 1024
"""Linux takes no longer single argument, and sshd passes the command to the shell as one."""
TERMINAL_MODES_BYTES_MAX: Final = 2048
REQUEST_BYTES_MAX: Final = 256 * 1024
CHANNELS_MAX: Final = 64
"""On one connection at once, whatever roles say; sshd's own default (MaxSessions) is 10."""

FORWARDS_MAX: Final = 256
"""Forwarded connections at once in one session."""
LISTENERS_MAX: Final = 64
"""Ports and sockets at once that a node listens on for one session."""
HOST: Final = re.compile(rb"[\x21-\x7e]{0,255}")
SOCKET_PATH_BYTES_MAX: Final = 4096

REFUSED_FORWARDS: Final = {
    StreamKind.LOCAL_FORWARD: "port forwarding",
    StreamKind.REMOTE_FORWARD: "remote port forwarding",
    StreamKind.UNIX_FORWARD: "socket forwarding",
    StreamKind.TUN: "tunnel devices",
    StreamKind.X11: "X11 forwarding",
    StreamKind.AGENT: "agent forwarding",
}
"""What to call it in the line that says no."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Texts that users see."""

    shell: str = "doorward: your access does not include a shell on this node"
    exec: str = "doorward: your access does not include running commands on this node"
    file_copy: str = "doorward: your access does not include copying files"
    subsystem: str = "doorward: this subsystem is not offered"
    started: str = "doorward: this channel already runs something"
    malformed: str = "doorward: a request that can not be read"
    channels: str = "doorward: at most {most} shells and commands at once on one connection"
    channel: str = "doorward: this type of channel is not offered"
    forwards: str = f"doorward: at most {FORWARDS_MAX} forwarded connections at once"
    listeners: str = f"doorward: at most {LISTENERS_MAX} forwarded ports at once"
    unasked: str = "doorward: nothing was asked for that this could be"
    request: str = "doorward: this request is not offered"


LINES: Final = Lines()
