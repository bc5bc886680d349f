"""Floods at the TLS listener: what proves nothing makes room, and no flood takes the place of a user or a gateway."""

import asyncio
import contextlib
import functools
import itertools
import resource
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
import uvloop
from tests.support.ports import LOOPBACK

from doorward.net import tls_entry
from doorward.net.accept import bind
from doorward.net.doors import DoorLimits, Doors, Stage
from doorward.net.supervise import Tasks
from doorward.net.tls_entry import Entrance, Peer, serve_tls
from doorward.wire.proxy_protocol.header import Endpoint, encode_proven_header, is_proven
from doorward.wire.tls.client_hello import ClientHello

KEY = b"k" * 32
PEOPLE, GATEWAYS = "people.test", "gateways.test"
LIMITS = DoorLimits(
    silent_per_address_max=60,
    unproven_max=40,
    unproven_per_network_max=20,
    unproven_per_address_max=8,
    inside_max=12,
    inside_per_address_max=12,
    inside_per_holder_max=4,
    reserved_max=6,
    reserved_per_holder_max=3,
    first_bytes_seconds=5.0,
)
Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo(asyncio.Protocol):
    """Answers everything, and stays."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


def make_certificate(directory: Path, name: str, uri: str) -> Path:
    """A certificate of its own authority, and its key, in one file."""
    path = directory / f"{name}.pem"
    command = (
        f"openssl req -x509 -newkey ed25519 -nodes -days 1 -subj /CN={name} -keyout {path} -out {path}.crt"
        f" -addext subjectAltName=URI:{uri}"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@dataclass
class Entry:
    number: int
    doors: Doors
    directory: Path
    names: dict[str, Path] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        return {stage.value: self.doors.count(stage) for stage in Stage if self.doors.count(stage)}

    async def half_open(self, source: str = LOOPBACK, name: str = PEOPLE, ahead: bytes = b"") -> socket.socket:
        """Says hello in TLS, and nothing more."""
        sock = socket.socket()
        sock.setblocking(False)
        sock.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(sock, (LOOPBACK, self.number))
        sock.send(ahead + hello(name))
        return sock

    async def client(self, who: str | None, name: str = PEOPLE, source: str = LOOPBACK) -> Client:
        """A TLS client that shows the certificate of `who`, or none."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if who is not None:
            context.load_cert_chain(self.names[who])
        async with asyncio.timeout(10):
            return await asyncio.open_connection(
                LOOPBACK, self.number, ssl=context, server_hostname=name, local_addr=(source, 0)
            )

    async def is_served(self, client: Client) -> bool:
        reader, writer = client
        try:
            async with asyncio.timeout(10):
                writer.write(b"ping")
                return await reader.read(4) == b"ping"
        except (OSError, ssl.SSLError):
            return False

    async def eventually(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110  (the code under test tells nobody)
                await asyncio.sleep(0)


@functools.cache
def hello(name: str) -> bytes:
    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def server_context(own: Path, trusted: list[Path], verify: ssl.VerifyMode) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(own)
    context.verify_mode = verify
    for one in trusted:
        context.load_verify_locations(one)
    return context


@asynccontextmanager
async def open_entry(directory: Path, limits: DoorLimits = LIMITS) -> AsyncIterator[Entry]:
    listener = bind(LOOPBACK, 0)
    made = Entry(listener.getsockname()[1], Doors(limits), directory)
    for who in ("server", "alice", "bob", "gateway-a", "gateway-b"):
        made.names[who] = make_certificate(directory, who, f"doorward://test/{who}")
    people = server_context(
        made.names["server"], [made.names["alice"], made.names["bob"]], ssl.CERT_OPTIONAL
    )  # fmt: skip
    gateways = server_context(
        made.names["server"], [made.names["gateway-a"], made.names["gateway-b"]], ssl.CERT_REQUIRED
    )  # fmt: skip

    def choose(said: ClientHello, _: Peer) -> Entrance:
        return Entrance(gateways, Stage.RESERVED) if said.server_name == GATEWAYS else Entrance(people)

    async def believes(header: bytes) -> bool:
        return is_proven(header, KEY)

    problems: list[str] = []
    async with Tasks(lambda name, error: problems.append(f"{name}: {error!r}")) as tasks:
        serving = asyncio.create_task(
            serve_tls([listener], choose, lambda _: Echo(), believes=believes, doors=made.doors, tasks=tasks)
        )
        yield made
        serving.cancel()
        await asyncio.wait({serving})
    listener.close()
    assert problems == []


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(params=["asyncio", "uvloop"])
def on_loop(request: pytest.FixtureRequest) -> Callable[[object], None]:
    """Runs a coroutine on either event loop: the authority's is uvloop, with a TLS of its own."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def run(work: object) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(work)  # type: ignore[arg-type]

    return run


def test_hellos_of_one_address_take_no_place_and_shut_nobody_out(
    tmp_path: Path, on_loop: Callable[[object], None]
) -> None:
    """Each of them was once inside, before any handshake, and ten thousand shut the authority."""

    async def attack() -> None:
        async with open_entry(tmp_path) as entry, AsyncExitStack() as stack:
            for number in range(3 * LIMITS.inside_max):
                stack.callback((await entry.half_open(name=(PEOPLE, GATEWAYS)[number % 2])).close)
            await entry.eventually(lambda: entry.counts() == {"unproven": LIMITS.unproven_per_address_max})
            gateway = await entry.client("gateway-a", GATEWAYS)
            alice, stranger = await entry.client("alice"), await entry.client(None)
            for client in (gateway, alice, stranger):
                stack.callback(client[1].close)
                assert await entry.is_served(client)
            assert (entry.doors.count(Stage.INSIDE), entry.doors.count(Stage.RESERVED)) == (1, 1)

    on_loop(attack())


def test_a_handshake_without_a_certificate_proves_nothing_and_makes_room(
    tmp_path: Path, on_loop: Callable[[object], None]
) -> None:
    async def attack() -> None:
        async with open_entry(tmp_path) as entry, AsyncExitStack() as stack:
            strangers = [await entry.client(None) for _ in range(2 * LIMITS.unproven_per_address_max)]
            for _, writer in strangers:
                stack.callback(writer.close)
            await entry.eventually(lambda: entry.counts() == {"unproven": LIMITS.unproven_per_address_max})
            served = [await entry.is_served(one) for one in strangers]
            assert served == [False] * LIMITS.unproven_per_address_max + [True] * LIMITS.unproven_per_address_max

    on_loop(attack())


def test_hellos_make_room_before_those_whose_handshake_is_over(
    tmp_path: Path, on_loop: Callable[[object], None]
) -> None:
    async def attack() -> None:
        async with open_entry(tmp_path) as entry, AsyncExitStack() as stack:
            signing_in = await entry.client(None)
            stack.callback(signing_in[1].close)
            for _ in range(3 * LIMITS.unproven_per_address_max):
                stack.callback((await entry.half_open()).close)
            await entry.eventually(lambda: entry.doors.evicted > LIMITS.unproven_per_address_max)
            assert await entry.is_served(signing_in)

    on_loop(attack())


def test_a_full_house_leaves_gateways_their_places_and_each_its_own(
    tmp_path: Path, on_loop: Callable[[object], None]
) -> None:
    async def attack() -> None:
        limits = DoorLimits(inside_max=4, inside_per_holder_max=4, reserved_max=6, reserved_per_holder_max=3)
        async with open_entry(tmp_path, limits) as entry, AsyncExitStack() as stack:

            async def served(who: str, name: str) -> bool:
                client = await entry.client(who, name)
                stack.callback(client[1].close)
                return await entry.is_served(client)

            assert [await served("alice", PEOPLE) for _ in range(5)] == [True] * 4 + [False]
            assert not await served("bob", PEOPLE)
            assert [await served("gateway-a", GATEWAYS) for _ in range(4)] == [True] * 3 + [False]
            assert await served("gateway-b", GATEWAYS)
            assert entry.counts() == {"inside": 4, "reserved": 4}

    on_loop(attack())


def test_one_user_does_not_fill_the_house(tmp_path: Path, on_loop: Callable[[object], None]) -> None:
    async def attack() -> None:
        async with open_entry(tmp_path) as entry, AsyncExitStack() as stack:
            clients = [await entry.client("alice", source=f"127.0.{number}.1") for number in range(8)]
            clients.append(await entry.client("bob"))
            for _, writer in clients:
                stack.callback(writer.close)
            assert [await entry.is_served(one) for one in clients] == [True] * 4 + [False] * 4 + [True]

    on_loop(attack())


def test_whose_certificate_is_not_of_the_kind_takes_no_reserved_place(
    tmp_path: Path, on_loop: Callable[[object], None]
) -> None:
    async def attack() -> None:
        async with open_entry(tmp_path) as entry:
            for who in ("alice", None):
                with contextlib.suppress(OSError, ssl.SSLError):
                    client = await entry.client(who, GATEWAYS)
                    assert not await entry.is_served(client)
                    client[1].close()
            await entry.eventually(lambda: entry.counts() == {})

    on_loop(attack())


def test_what_a_gateway_passes_on_is_counted_by_whose_it_is(tmp_path: Path, on_loop: Callable[[object], None]) -> None:
    """A flood through a gateway meets its own limits, and not those of the gateway or of others behind it."""

    async def attack() -> None:
        async with open_entry(tmp_path) as entry, AsyncExitStack() as stack:

            def passed_on(source: str) -> bytes:
                return encode_proven_header(Endpoint(source, 51_000), Endpoint(LOOPBACK, 3443), KEY)

            for _ in range(4 * LIMITS.unproven_per_address_max):
                stack.callback((await entry.half_open(ahead=passed_on("192.0.2.66"))).close)
            others = [await entry.half_open(ahead=passed_on(f"198.51.{number}.1")) for number in range(4)]
            for one in others:
                stack.callback(one.close)
            expected = LIMITS.unproven_per_address_max + len(others)
            await entry.eventually(lambda: entry.counts() == {"unproven": expected})
            gateway = await entry.client("gateway-a", GATEWAYS)
            stack.callback(gateway[1].close)
            assert await entry.is_served(gateway)
            assert entry.doors.evicted == 3 * LIMITS.unproven_per_address_max

    on_loop(attack())


def test_who_does_not_finish_the_handshake_is_closed_at_the_deadline(
    tmp_path: Path, on_loop: Callable[[object], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def attack() -> None:
        async with open_entry(tmp_path) as entry:
            with await entry.half_open():
                await entry.eventually(lambda: entry.counts() == {"unproven": 1})
                await entry.eventually(lambda: entry.counts() == {})

    monkeypatch.setattr(tls_entry, "HANDSHAKE_SECONDS", 0.3)
    on_loop(attack())


def test_thousands_of_hellos_from_few_networks_leave_the_authority_open(
    tmp_path: Path, on_loop: Callable[[object], None], many_descriptors: None
) -> None:
    """With the limits that an authority has."""
    del many_descriptors

    async def attack() -> None:
        async with open_entry(tmp_path, DoorLimits(first_bytes_seconds=60.0)) as entry, AsyncExitStack() as stack:
            sources = itertools.cycle(f"127.0.{network}.{host}" for host in range(1, 9) for network in range(1, 5))
            for _ in range(4_000):
                stack.callback((await entry.half_open(next(sources))).close)
            for who, name, source in (("gateway-a", GATEWAYS, "127.0.1.1"), ("alice", PEOPLE, LOOPBACK)):
                client = await entry.client(who, name, source)
                stack.callback(client[1].close)
                assert await entry.is_served(client)
            assert entry.doors.count(Stage.UNPROVEN) <= DoorLimits().unproven_max
            assert (entry.doors.count(Stage.INSIDE), entry.doors.count(Stage.RESERVED)) == (1, 1)

    on_loop(attack())
