"""The closed tables of SSH: channel types, global requests, subsystems. What is not here is refused (security.md 8)."""

import re
from dataclasses import dataclass
from typing import Final

from doorward.domain.recording.levels import StreamKind

CHANNEL_KINDS: Final = {
    b"session": None,
    b"direct-tcpip": StreamKind.LOCAL_FORWARD,
    b"direct-streamlocal@openssh.com": StreamKind.UNIX_FORWARD,
    b"tun@openssh.com": StreamKind.TUN,
    b"x11": StreamKind.X11,
    b"auth-agent@openssh.com": StreamKind.AGENT,
}
"""Type of channel -> the stream that it would be; a session's kind shows only in its requests."""

KEEPALIVE: Final = b"keepalive@openssh.com"
NO_MORE_SESSIONS: Final = b"no-more-sessions@openssh.com"
GLOBAL_REQUESTS: Final = {
    KEEPALIVE: None,
    NO_MORE_SESSIONS: None,
    b"tcpip-forward": StreamKind.REMOTE_FORWARD,
    b"cancel-tcpip-forward": None,
    b"streamlocal-forward@openssh.com": StreamKind.REMOTE_FORWARD,
    b"cancel-streamlocal-forward@openssh.com": None,
    b"hostkeys-prove-00@openssh.com": None,
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
"""On one connection at once; sshd's own default (MaxSessions) is 10."""

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
    channels: str = f"doorward: at most {CHANNELS_MAX} channels on one connection"
    channel: str = "doorward: this type of channel is not offered"
    request: str = "doorward: this request is not offered"


LINES: Final = Lines()
