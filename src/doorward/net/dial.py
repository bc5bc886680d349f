"""A connected TCP socket, for those who hand sockets on to a protocol of their own."""

import asyncio
import socket

from doorward.net import quickack


async def connect_tcp(host: str, port: int) -> socket.socket:
    """The first of the host's addresses that accepts; the last OSError when none does. The caller sets the deadline."""
    loop = asyncio.get_running_loop()
    problem = OSError("the name has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            problem = error
        except BaseException:
            sock.close()
            raise
        else:
            quickack.no_delay(sock)
            return sock
    raise problem
