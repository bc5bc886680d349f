"""The gateway process: it knows its own directory, its authority's address and nothing else.

Its directory holds `gateway.json` (where it listens, where its authority is, how much of recordings it keeps), its
identity, and its spool.
"""

import asyncio
import contextlib
import signal
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog
import uvloop

from doorward.api.bodies.gateway_calls import RenewIdentity
from doorward.api.client.gateway import HttpControlPlane
from doorward.base.clock import SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.base.errors import DoorwardError
from doorward.gateway.process import RunningGateway, run_gateway
from doorward.gateway.settings import GatewaySettings
from doorward.main.gateway_identity import client_context, is_due, load_into, new_key, read_identity, write_identity
from doorward.main.gateway_settings import GatewayFacts, read_settings
from doorward.main.heap import settle_heap
from doorward.main.layout import make_private_directory
from doorward.main.supervisor import announce_ready

IDENTITY_FILE: Final = "identity"
SERVER_NAME: Final = "gateways.doorward.internal"
LOOK_EACH_SECONDS: Final = 3600.0
SIGHT_SECONDS_MAX: Final = 15.0
_log = structlog.get_logger("doorward.gateway")


async def run(directory: Path) -> None:
    """Serve until a signal."""
    facts = read_settings(directory)
    authority = facts.authority
    identity_file = directory / IDENTITY_FILE
    context = client_context(read_identity(identity_file), identity_file)
    settings = settings_from(facts, directory)
    make_private_directory(settings.spool)
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[RunningGateway] = loop.create_future()
    async with HttpControlPlane(f"https://{authority}", context, server_name=SERVER_NAME) as control_plane:
        serving = loop.create_task(
            run_gateway(
                settings, control_plane, SystemClock(), SystemEntropy(), on_ready=ready.set_result, report=_report
            )
        )
        watching = loop.create_task(_keep_identity(identity_file, context, control_plane))
        announcing = loop.create_task(announce(ready))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, serving.cancel)
        try:
            await serving
        except asyncio.CancelledError:
            return
        finally:
            watching.cancel()
            announcing.cancel()


def settings_from(facts: GatewayFacts, directory: Path) -> GatewaySettings:
    """What the gateway in `directory` is told."""
    identity_file = directory / IDENTITY_FILE
    probed = facts.metrics_listen
    return GatewaySettings(
        listen=tuple((one.host, one.port) for one in facts.listen),
        spool=directory / "spool",
        authority=(facts.authority.host, facts.authority.port),
        metrics_listen=(probed.host, probed.port) if probed is not None else None,
        show_identity=lambda shown: load_into(shown, read_identity(identity_file), identity_file),
        recorder=facts.recording,
    )


def run_here(directory: Path) -> None:
    """The whole process, on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(directory))


async def _keep_identity(file: Path, context: ssl.SSLContext, control_plane: HttpControlPlane) -> None:
    """Renew our certificate before it runs out; new connections show it, since OpenSSL lets a live context change."""
    while True:
        try:
            identity = read_identity(file)
            if is_due(identity, SystemClock().now()):
                key_pem, request_pem = new_key()
                renewed = await control_plane.renew_identity(RenewIdentity(request_pem))
                identity = replace(identity, key_pem=key_pem, chain_pem=renewed.x509_chain_pem)
                write_identity(file, identity)
                load_into(context, identity, file)
                control_plane.reconnect()
            else:
                load_into(context, identity, file)
        except DoorwardError as error:
            _log.warning("the gateway's identity could not be renewed", error=error.message)
        await asyncio.sleep(LOOK_EACH_SECONDS)


async def announce(ready: asyncio.Future[RunningGateway]) -> None:
    """Say that the gateway is ready once it may open sessions: who is told so connects at once.

    An authority that goes away at this very moment delays it for so long and no longer: whoever supervises us would
    take the silence for a gateway that hangs, and start it again and again.
    """
    running = await ready
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SIGHT_SECONDS_MAX):
            await running.sighted()
    _log.info("gateway is ready", addresses=[f"{host}:{port}" for host, port in running.addresses])
    settle_heap()
    announce_ready()


def _report(name: str, error: BaseException) -> None:
    _log.warning("something failed and is tried again", what=name, error=repr(error))
