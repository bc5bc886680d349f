"""The shapes of names that people give to things."""

import re
from collections.abc import Callable
from typing import Final

from doorward.base.errors import Invalid
from doorward.base.ids import is_id

NAME_CHARACTERS_MAX: Final = 64
_NAME: Final = re.compile(r"[a-z0-9._-]{1,64}", re.ASCII)
_HOST_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)  # RFC 1123, lower case
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_IPV6: Final = re.compile(r"\[[0-9A-Fa-f:.]{2,45}\]", re.ASCII)
_LABEL_KEY: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_./:-]{0,126}[A-Za-z0-9])?", re.ASCII)
_TRAIT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/ -]{0,126}", re.ASCII)

CheckName = Callable[[str], str]


def plain_name(text: str) -> str:
    """The name of a user, role or the like: unique without case, so lower case only."""
    if _NAME.fullmatch(text) is None or text in {".", ".."}:
        raise Invalid("reading a name: 1 to 64 of a-z, 0-9, dot, underscore and hyphen are expected")
    return _no_id(text)


def node_name(text: str) -> str:
    """The name of a node: one label of a host name (RFC 1123), lower case."""
    if _HOST_LABEL.fullmatch(text) is None:
        raise Invalid("reading a node's name: 1 to 63 of a-z, 0-9 and inner hyphens are expected")
    return _no_id(text)


def _no_id(text: str) -> str:
    """Ids and names are asked for in the same places: what is called like another's id would be taken for it."""
    if is_id(text):
        raise Invalid("reading a name: this has the shape of an id, 26 of a-z and 2-7")
    return text


def address(text: str) -> tuple[str, int]:
    """HOST:PORT; an IPv6 address stands in brackets."""
    host, colon, port = text.rpartition(":")
    good_host = _IPV6.fullmatch(host) is not None or (_HOST.fullmatch(host) is not None and ".." not in host)
    if not colon or not good_host or not (port.isascii() and port.isdigit() and len(port) <= 5):
        raise Invalid("reading an address: HOST:PORT is expected")
    if not 1 <= int(port) <= 65535:
        raise Invalid("reading an address: a port is a number from 1 to 65535")
    return host, int(port)


def label_key(text: str) -> str:
    """The key of a label on a resource; `reported/` is kept for what a node says of itself."""
    if _LABEL_KEY.fullmatch(text) is None:
        raise Invalid("reading a label: its key is 1 to 128 of letters, digits and inner _ . / : -")
    if text.startswith("reported/"):
        raise Invalid("reading a label: reported/ is kept for what nodes say of themselves")
    return text


def trait_name(text: str) -> str:
    """The name of a trait."""
    if _TRAIT.fullmatch(text) is None:
        raise Invalid("reading a trait: its name is 1 to 127 of letters, digits and _ . : / - or spaces")
    return text


def one_line(text: str) -> str:
    """Text for people or machines in which nothing hides: printable, or empty."""
    if not text.isprintable():
        raise Invalid("reading a text: control and invisible characters are not accepted")
    return text
