"""A client of another make than OpenSSH's."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncssh
from tests.support.gateway_lab import NODE, Lab
from tests.support.ports import LOOPBACK


@contextlib.asynccontextmanager
async def connected(lab: Lab) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A client of another make."""
    options: dict[str, Any] = {
        "username": f"{lab.login}@{NODE}",
        "client_keys": [str(lab.client.identity)],
        "known_hosts": None,
        "agent_path": None,
        "config": None,
    }
    async with asyncssh.connect(LOOPBACK, lab.port, **options) as connection:
        yield connection
