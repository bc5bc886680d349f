"""Where a provider's servers may stand: on the public Internet, or in a network that the connector lists.

A name is looked up once and the connection goes to the very address that was checked, so that a second answer of the
name server changes nothing (DNS rebinding).
"""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import Final

from doorward.base.errors import Refused, Unavailable
from doorward.domain.kinds.oidc_connector import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

ADDRESSES_MAX: Final = 32
# IPv6 forms that carry an IPv4 address of whoever writes them: 6to4, NAT64, Teredo.
_CARRIERS: Final = tuple(ipaddress.ip_network(text) for text in ("2002::/16", "64:ff9b::/96", "2001::/32"))


class ForbiddenAddress(Refused):
    """The address is private, link-local or otherwise not public, and no network of the connector holds it."""

    code = "forbidden_address"


def is_allowed(address: Address, networks: Sequence[Network]) -> bool:
    """Whether a connection may go there."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    real: Address = mapped or address
    if any(real in network for network in networks):
        return True
    return real.is_global and not real.is_multicast and not any(real in carrier for carrier in _CARRIERS)


def checked(found: Sequence[Address], networks: Sequence[Network]) -> Address:
    """The first of the addresses; `ForbiddenAddress` when any of them is not allowed."""
    if not found:
        raise Unavailable("reaching the provider: its name has no address")
    if not all(is_allowed(address, networks) for address in found):
        raise ForbiddenAddress("reaching the provider: its address is not a public one, nor listed at the connector")
    return found[0]


async def resolve(host: str, port: int, networks: Sequence[Network]) -> Address:
    """The address to connect to; the caller sets the deadline."""
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return checked([literal], networks)
    try:
        answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable("reaching the provider: its name is not known") from error
    found = [ipaddress.ip_address(str(answer[4][0]).split("%", 1)[0]) for answer in answers[:ADDRESSES_MAX]]
    return checked(found, networks)
