"""The names that stand in certificates, made from ids in one place and read back in the same.

`dwu:<user id>` a user, `dwn:<node id>` a node as host, `dw:<node id>:<login>` one account on one node. The key id holds
what correlates the target's own log with ours.
"""

import ipaddress
import re
from typing import Final

from doorward.base.ids import GatewayId, NodeId, SessionId, SignInId, UserId, checked_id, is_id
from doorward.domain.certificates.refusals import BadSubject

LOGIN_CHARACTERS_MAX: Final = 64
HOST_NAME_CHARACTERS_MAX: Final = 253
_LOGIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}", re.ASCII)
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_USER: Final = "dwu:"
_NODE: Final = "dwn:"
_TYPED: Final = ":typed-code"
_SIGN_IN: Final = "dw:sign-in:"
_FACE: Final = "dw:face:"


def user_principal(user_id: UserId) -> str:
    """The one principal of a user certificate."""
    return _USER + checked_id(user_id)


def node_principal(node_id: NodeId) -> str:
    """The one principal of a node's host certificate."""
    return _NODE + checked_id(node_id)


def session_principal(node_id: NodeId, login: str) -> str:
    """The one principal of a session certificate; it stands in the node's principals file of `login`."""
    return f"dw:{checked_id(node_id)}:{checked_login(login)}"


def sign_in_key_id(sign_in_id: SignInId, *, typed_code: bool = False) -> str:
    """The key id of a user certificate; marked when the sign-in stands on a code typed on another machine."""
    return _SIGN_IN + checked_id(sign_in_id) + (_TYPED if typed_code else "")


def session_key_id(session_id: SessionId) -> str:
    """The key id of a session certificate: what the node's sshd logs."""
    return "dw:session:" + checked_id(session_id)


def face_key_id(gateway_id: GatewayId) -> str:
    """The key id of a certificate for a name that a gateway shows."""
    return _FACE + checked_id(gateway_id)


def node_key_id(node_id: NodeId) -> str:
    """The key id of a node's host certificate."""
    return "dw:node:" + checked_id(node_id)


def user_of(principal: str) -> UserId | None:
    """The user id in a user certificate's principal, None for any other text."""
    return UserId(principal[len(_USER) :]) if principal.startswith(_USER) and is_id(principal[len(_USER) :]) else None


def sign_in_of(key_id: str) -> SignInId | None:
    """The sign-in id in a user certificate's key id, None for any other text."""
    rest = key_id[len(_SIGN_IN) :].removesuffix(_TYPED)
    return SignInId(rest) if key_id.startswith(_SIGN_IN) and is_id(rest) else None


def is_typed(key_id: str) -> bool:
    """Whether a user certificate's key id says that the sign-in stands on a typed code."""
    return sign_in_of(key_id) is not None and key_id.endswith(_TYPED)


def gateway_of(key_id: str) -> GatewayId | None:
    """The gateway id in a face certificate's key id, None for any other text."""
    rest = key_id[len(_FACE) :]
    return GatewayId(rest) if key_id.startswith(_FACE) and is_id(rest) else None


def checked_login(login: str) -> str:
    """`login` if it can be an account on a node: no colon, space, slash, wildcard or leading dash."""
    if _LOGIN.fullmatch(login) is None:
        raise BadSubject("reading a login: letters, digits and _ . @ + - are expected, 64 at most")
    return login


def checked_host_name(name: str) -> str:
    """`name` if it is a lower-case DNS name (RFC 1123) or an IP address in its usual form; no wildcards."""
    if len(name) <= HOST_NAME_CHARACTERS_MAX and _HOST_NAME.fullmatch(name) is not None:
        return name
    try:
        usual = str(ipaddress.ip_address(name))
    except ValueError:
        usual = ""
    if usual != name or not name:
        raise BadSubject("reading a host name: a lower-case DNS name or an IP address is expected")
    return name
