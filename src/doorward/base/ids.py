"""Immutable ids: 130 random bits as 26 lower-case base32 characters, never used again.

Names are for display and may change; certificates, grants and locks hold ids. The alphabet `[a-z2-7]` needs no quoting
in a certificate principal, a URL, a file name or a shell.
"""

import base64
import re
from typing import Final, NewType

from doorward.base.entropy import Entropy
from doorward.base.errors import Invalid

ID_LENGTH: Final = 26
_ID_PATTERN: Final = re.compile(r"[a-z2-7]{26}", re.ASCII)

InstallationId = NewType("InstallationId", str)
UserId = NewType("UserId", str)
NodeId = NewType("NodeId", str)
GatewayId = NewType("GatewayId", str)
SessionId = NewType("SessionId", str)
SignInId = NewType("SignInId", str)
PersonId = NewType("PersonId", str)


def new_id(entropy: Entropy) -> str:
    """A fresh id; wrap it in the NewType of what it names."""
    return base64.b32encode(entropy.token(17)).decode("ascii").lower()[:ID_LENGTH]


def is_id(text: str) -> bool:
    """Whether `text` has the shape of an id."""
    return _ID_PATTERN.fullmatch(text) is not None


def checked_id(text: str) -> str:
    """`text` if it has the shape of an id, else `Invalid`."""
    if not is_id(text):
        raise Invalid("reading an id: 26 characters of a-z and 2-7 are expected")
    return text
