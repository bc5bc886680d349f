"""What may be the name of an account on a resource.

A login ends up in certificates, principals files and command lines, so its alphabet is closed; other account names are
only kept free of what could break a line or hide.
"""

import re
from typing import Final

LOGIN_CHARACTERS_MAX: Final = 64
ACCOUNT_CHARACTERS_MAX: Final = 256
# useradd's names, upper case and the @ of directory accounts; never a leading hyphen, colon, comma or white space.
_LOGIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,62}\$?", re.ASCII)


def is_login(text: str) -> bool:
    """Whether `text` can be a login on a node."""
    return len(text) <= LOGIN_CHARACTERS_MAX and _LOGIN.fullmatch(text) is not None


def is_account(dimension: str, text: str) -> bool:
    """Whether `text` can be the value of that dimension of an account."""
    if dimension == "login":
        return is_login(text)
    return 0 < len(text) <= ACCOUNT_CHARACTERS_MAX and text.isprintable() and text.strip() == text
