"""The authority process: store, signer's client, operations, HTTP, jobs."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from typing import Any

import structlog
from uvicorn.config import Config
from uvicorn.server import ServerState

from doorward.api.signer.client import SignerClient
from doorward.authority.gateway_limits import GatewayLimits
from doorward.authority.http.app import create_app
from doorward.authority.http.health import create_health_app
from doorward.authority.http.protocol import PeerProtocol
from doorward.authority.http.tls import TlsContexts, entrance, make_contexts
from doorward.authority.jobs.rounds import (
    DAY,
    MINUTE,
    SECOND,
    SessionRounds,
    sign_checkpoint,
    watch_clock,
    write_summaries,
)
from doorward.authority.jobs.runner import each
from doorward.authority.key_changes import LOOK_EACH_SECONDS, look_at_keys
from doorward.authority.known_devices import KnownDevices
from doorward.authority.noting import note
from doorward.authority.oidc.parts import OidcParts
from doorward.authority.operations.oidc_refresh import CLAIMS_EACH_SECONDS, end_too_old, refresh_claims
from doorward.authority.operations.sign_in import VERSION
from doorward.authority.services import KeyBook, Services
from doorward.authority.splice_keys import SpliceClaims, SpliceKeys
from doorward.authority.throttle import SignInThrottle
from doorward.base.clock import SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.base.errors import Unavailable
from doorward.domain.audit.event import SYSTEM
from doorward.domain.audit.events_people import AUTHORITY_STARTED
from doorward.main.embedded_gateway import apply_names
from doorward.main.heap import settle_heap
from doorward.main.installation import checked_installation_id
from doorward.main.layout import Layout
from doorward.main.open_store import open_store
from doorward.main.settings import Settings
from doorward.main.splice_key import read_splice_master
from doorward.main.supervisor import announce_ready
from doorward.net.accept import bind
from doorward.net.doors import DoorLimits, Doors
from doorward.net.supervise import Tasks, until_stopped
from doorward.net.tls_entry import Entrance, Peer, serve_tls
from doorward.stores.blobs.directory import DirectoryRecordings
from doorward.stores.sql.store import SqlStore
from doorward.wire.tls.client_hello import ClientHello

_log = structlog.get_logger("doorward.authority")


async def open_services(settings: Settings, layout: Layout, store: SqlStore, signer: SignerClient) -> Services:
    """Everything that operations share; refuses to start when keys, database and id do not belong together."""
    installation_id = checked_installation_id(layout, settings.users)
    await store.check_installation(installation_id)
    await store.write(lambda tx: apply_names(tx, settings.names))
    clock = SystemClock()
    master = read_splice_master(layout)
    return Services(
        installation_id=installation_id,
        store=store,
        log=store,
        signer=signer,
        key_book=KeyBook(await signer.public_keys()),
        recordings=DirectoryRecordings(layout.recordings),
        clock=clock,
        entropy=SystemEntropy(),
        names=settings.names,
        node_suffix=settings.node_suffix,
        throttle=SignInThrottle(clock),
        oidc=OidcParts.make(clock, (layout.client_secrets,)),
        gateway_limits=GatewayLimits(clock),
        splice_keys=SpliceKeys(master),
        known_devices=KnownDevices(master),
    )


def http_config(app: Any) -> Config:
    """uvicorn's settings for a listener of ours: no banner, no access log, no proxy headers believed."""
    config = Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        h11_max_incomplete_event_size=65_536,
    )
    config.load()
    return config


async def run(settings: Settings, layout: Layout) -> None:
    """Serve until a signal."""
    store = await open_store(settings, layout)
    signer = SignerClient(layout.signer_socket)
    try:
        services = await open_services(settings, layout, store, signer)
        files = (settings.tls.certificate, settings.tls.key) if settings.tls is not None else None
        await note_start(services, "postgresql" if settings.store else "sqlite")
        await _serve(settings, services, await make_contexts(services, files))
    finally:
        signer.close()
        await store.close()


async def note_start(services: Services, engine: str) -> None:
    """Say in the log that this process serves from now on. A store that takes nothing now is no reason not to serve."""
    fields = {"version": VERSION, "engine": engine}
    try:
        await services.store.write(lambda tx: note(tx, AUTHORITY_STARTED, SYSTEM, fields))
    except Unavailable as error:
        _log.warning("the start could not be noted", error=error.message)


async def _serve(settings: Settings, services: Services, contexts: TlsContexts) -> None:
    current = contexts
    api, api_state = http_config(create_app(services)), ServerState()
    health, health_state = http_config(create_health_app(services)), ServerState()

    def choose(hello: ClientHello, peer: Peer) -> Entrance | None:
        return entrance(current, hello, peer)

    def protocol(peer: Peer) -> asyncio.Protocol:
        return PeerProtocol(api, api_state, {}, peer.address)

    async def renew() -> None:
        nonlocal current
        files = (settings.tls.certificate, settings.tls.key) if settings.tls is not None else None
        current = await make_contexts(services, files)

    loop = asyncio.get_running_loop()
    listener = bind(settings.authority_listen.host, settings.authority_listen.port)
    health_server = await loop.create_server(
        lambda: PeerProtocol(health, health_state, {}, "local"),
        sock=bind(settings.metrics_listen.host, settings.metrics_listen.port),
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    claims = SpliceClaims(services.splice_keys, services.store, services.clock)
    doors = Doors(DoorLimits())
    jobs: list[tuple[float, str, Callable[[], Any]]] = [
        (SECOND, "sessions", SessionRounds(services).round),
        (SECOND, "clock", lambda: watch_clock(services)),
        (LOOK_EACH_SECONDS, "keys", lambda: look_at_keys(services)),
        (MINUTE, "summaries", lambda: write_summaries(services)),
        (MINUTE, "checkpoint", lambda: sign_checkpoint(services)),
        (CLAIMS_EACH_SECONDS, "claims", lambda: refresh_claims(services)),
        (CLAIMS_EACH_SECONDS, "old claims", lambda: end_too_old(services)),
        (DAY, "tls", renew),
    ]
    async with Tasks(_report) as tasks:
        running = [tasks.spawn(each(seconds, name, work), name) for seconds, name, work in jobs]
        serving = tasks.spawn(
            serve_tls([listener], choose, protocol, believes=claims.believes, doors=doors, tasks=tasks), "serve"
        )
        settle_heap()
        announce_ready()
        await until_stopped(stop, serving)
        for task in (*running, serving):
            task.cancel()
        for connection in list(api_state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await write_summaries(services, everything=True)
    health_server.close()
    listener.close()


def _report(name: str, error: BaseException) -> None:
    _log.warning("a task failed", task=name, error=repr(error))
