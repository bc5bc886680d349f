"""The signer's client: typed answers and errors, deadlines, and a connection that comes back."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.support.authorities import INSTALLATION, ed25519_key
from tests.support.signers import running_signer
from tests.support.x509_values import spki

from doorward.api.signer import connection
from doorward.api.signer.client import SignerClient
from doorward.api.signer.frames import FrameReader, encode_frame
from doorward.api.signer.messages import CALL_BYTES_MAX, Call, Failed, Reply, SignerStatus, SignNodeHost, TotpChecked
from doorward.api.signer.refusals import BadRequest, RateExceeded, SealedElsewhere, SignerAway, SignerBusy
from doorward.base.clock import ManualClock
from doorward.base.entropy import SeededEntropy
from doorward.base.errors import Conflict
from doorward.base.ids import GatewayId, NodeId, SessionId, SignInId, UserId, new_id
from doorward.domain.certificates.purposes import Purpose
from doorward.domain.certificates.refusals import BadSubject, LifetimeRefused
from doorward.signer.rates import USUAL_RATES, Rate
from doorward.signer.totp import hotp

ENTROPY = SeededEntropy(6)
USER, SIGN_IN = UserId(new_id(ENTROPY)), SignInId(new_id(ENTROPY))
SESSION, NODE, GATEWAY = SessionId(new_id(ENTROPY)), NodeId(new_id(ENTROPY)), GatewayId(new_id(ENTROPY))
PRIVATE, KEY = ed25519_key(70)
P256 = spki(ec.derive_private_key(5, ec.SECP256R1()))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "signer"


async def test_every_call_brings_its_typed_answer(path: Path) -> None:
    clock = ManualClock()
    async with running_signer(path, clock=clock), SignerClient(path) as client:
        known = await client.public_keys()
        assert known.installation_id == INSTALLATION
        user = await client.sign_user_ssh(user_id=USER, sign_in_id=SIGN_IN, public_key=KEY, lifetime=timedelta(hours=1))
        assert user.key_id == f"dw:sign-in:{SIGN_IN}"
        session = await client.sign_session_ssh(
            session_id=SESSION, node_id=NODE, login="root", public_key=KEY, extensions={"permit-pty"}
        )
        assert session.key_id == f"dw:session:{SESSION}"
        assert (await client.sign_face_host(gateway_id=GATEWAY, name="a.dw", public_key=KEY)).serial
        assert (await client.sign_node_host(node_id=NODE, public_key=KEY)).serial
        for issued in (
            await client.issue_user_x509(user_id=USER, sign_in_id=SIGN_IN, public_key=spki(PRIVATE)),
            await client.issue_gateway_x509(gateway_id=GATEWAY, public_key=spki(PRIVATE)),
            await client.issue_authority_x509(names=["door.example"], public_key=P256),
        ):
            assert int(issued.serial, 16) > 0
        assert (await client.sign_checkpoint(origin=f"x/{INSTALLATION}", size=1, root=bytes(32))).note
        signed = await client.sign_manifest(
            session_id=SESSION, digest=bytes(32), size_bytes=1, manifest_digest=bytes(32)
        )
        assert len(signed.signature) == 64
        enrolled = await client.enrol_totp(user_id=USER)
        step = int(clock.now().timestamp()) // 30
        code = hotp(base64.b32decode(enrolled.secret), step)
        assert await client.check_totp(user_id=USER, sealed=enrolled.sealed, code=code, after_step=0) == step
        assert await client.check_totp(user_id=USER, sealed=enrolled.sealed, code=code, after_step=step) is None
        assert sum((await client.status()).answered.values()) == 13
        assert len(known.public_keys(Purpose.USER_SSH)) == 1


async def test_refusals_arrive_as_what_they_are(path: Path) -> None:
    rates = {**USUAL_RATES, SignNodeHost: Rate(1, 1)}
    async with running_signer(path, rates=rates), SignerClient(path) as client:
        with pytest.raises(LifetimeRefused):
            await client.sign_user_ssh(user_id=USER, sign_in_id=SIGN_IN, public_key=KEY, lifetime=timedelta(hours=25))
        with pytest.raises(BadSubject):
            await client.sign_session_ssh(session_id=SESSION, node_id=NODE, login="a b", public_key=KEY)
        with pytest.raises(BadRequest):
            await client.sign_session_ssh(session_id=SESSION, node_id=NODE, login="a" * 65, public_key=KEY)
        with pytest.raises(SealedElsewhere):
            await client.check_totp(user_id=USER, sealed=b"x", code="123456", after_step=0)
        await client.sign_checkpoint(origin=f"x/{INSTALLATION}", size=2, root=bytes(32))
        with pytest.raises(Conflict):
            await client.sign_checkpoint(origin=f"x/{INSTALLATION}", size=1, root=bytes(32))
        await client.sign_node_host(node_id=NODE, public_key=KEY)
        with pytest.raises(RateExceeded):
            await client.sign_node_host(node_id=NODE, public_key=KEY)


async def test_calls_of_many_tasks_share_one_connection_and_get_their_own_answers(path: Path) -> None:
    async with running_signer(path), SignerClient(path) as client:

        async def ask(login: str) -> tuple[str, bytes]:
            answer = await client.sign_session_ssh(session_id=SESSION, node_id=NODE, login=login, public_key=KEY)
            return login, answer.certificate

        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(ask(f"user{number}x")) for number in range(200)]
        assert all(f":{login}".encode() in certificate for login, certificate in (task.result() for task in asked))


async def test_signer_that_is_not_there_is_away_within_the_deadline(path: Path) -> None:
    client = SignerClient(path, call_seconds=0.05)
    async with asyncio.timeout(5):
        with pytest.raises(SignerAway):
            await client.public_keys()


async def test_client_finds_a_signer_that_starts_later_or_again(path: Path) -> None:
    async with SignerClient(path) as client:
        early = asyncio.create_task(client.public_keys())
        await asyncio.sleep(0)
        async with running_signer(path):
            first = await early
        async with running_signer(path):
            assert await client.public_keys() == first


async def test_closed_client_opens_again_when_asked(path: Path) -> None:
    async with running_signer(path):
        client = SignerClient(path)
        await client.public_keys()
        client.close()
        client.close()
        assert await client.public_keys()
        client.close()


Answering = Callable[[int, asyncio.StreamWriter, Call], None]


@asynccontextmanager
async def odd_signer(path: Path, answer: Answering) -> AsyncIterator[None]:
    """A server that does with each call what the test says; connections are counted from 0."""
    connections = 0
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        ours, connections = connections, connections + 1
        writers.append(writer)
        frames = FrameReader(CALL_BYTES_MAX)
        while data := await reader.read(65_536):
            for frame in frames.receive(data):
                answer(ours, writer, msgspec.msgpack.decode(frame, type=Call))

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield
    finally:
        server.close()
        for writer in writers:
            writer.close()
            try:
                await writer.wait_closed()
            except ConnectionError:
                continue


def reply(writer: asyncio.StreamWriter, number: int, step: int | None) -> None:
    writer.write(encode_frame(msgspec.msgpack.encode(Reply(number, TotpChecked(step)))))


async def check(client: SignerClient) -> int | None:
    return await client.check_totp(user_id=USER, sealed=b"x", code="123456", after_step=0)


async def test_call_that_lost_its_connection_is_asked_once_more(path: Path) -> None:
    def answer(connection: int, writer: asyncio.StreamWriter, call: Call) -> None:
        if connection == 0:
            writer.transport.abort()
        else:
            reply(writer, call.number, 7)

    async with odd_signer(path, answer), SignerClient(path) as client:
        assert await check(client) == 7


async def test_call_that_ends_every_connection_is_not_asked_for_ever(path: Path) -> None:
    asked: list[int] = []

    def answer(connection: int, writer: asyncio.StreamWriter, call: Call) -> None:
        asked.append(connection)
        writer.transport.abort()

    async with odd_signer(path, answer), SignerClient(path) as client:
        with pytest.raises(SignerAway):
            await check(client)
    assert asked == [0, 1]


async def test_silent_signer_is_away_at_the_deadline_and_its_late_answer_goes_to_nobody(path: Path) -> None:
    late: list[tuple[asyncio.StreamWriter, int]] = []

    def answer(connection: int, writer: asyncio.StreamWriter, call: Call) -> None:
        if not late:
            late.append((writer, call.number))
        else:
            reply(late[0][0], late[0][1], 1)
            reply(writer, call.number, 2)

    async with odd_signer(path, answer), SignerClient(path, call_seconds=0.05) as client:
        with pytest.raises(SignerAway):
            await check(client)
        assert await check(client) == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"noise",
        msgspec.msgpack.encode(Reply(99, TotpChecked(1))),
        msgspec.msgpack.encode([0, ["unknown"]]),
    ],
)
async def test_answer_that_makes_no_sense_ends_the_connection_and_is_never_believed(path: Path, raw: bytes) -> None:
    def answer(connection: int, writer: asyncio.StreamWriter, call: Call) -> None:
        writer.write(encode_frame(raw))

    async with odd_signer(path, answer), SignerClient(path, call_seconds=60) as client, asyncio.timeout(5):
        with pytest.raises(SignerAway):
            await check(client)


async def test_answer_of_another_type_is_never_believed(path: Path) -> None:
    def answer(connection: int, writer: asyncio.StreamWriter, call: Call) -> None:
        writer.write(encode_frame(msgspec.msgpack.encode(Reply(call.number, SignerStatus({}, {})))))

    async with odd_signer(path, answer), SignerClient(path) as client:
        with pytest.raises(SignerAway, match="something else"):
            await check(client)


async def test_unknown_refusal_is_still_a_refusal(path: Path) -> None:
    def answer(connection: int, writer: asyncio.StreamWriter, call: Call) -> None:
        failed = Failed("conflict", "code_of_the_future", "words")
        writer.write(encode_frame(msgspec.msgpack.encode(Reply(call.number, failed))))

    async with odd_signer(path, answer), SignerClient(path) as client:
        with pytest.raises(Conflict, match="words"):
            await check(client)


async def test_calls_that_wait_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CALLS_WAITING_MAX", 2)

    async def refused(client: SignerClient, kind: type[Exception]) -> None:
        with pytest.raises(kind):
            await check(client)

    async with (
        odd_signer(path, lambda *_: None),
        SignerClient(path, call_seconds=0.1) as client,
        asyncio.TaskGroup() as tasks,
    ):
        for kind in (SignerAway, SignerAway, SignerBusy):
            tasks.create_task(refused(client, kind))


async def test_answered_call_waits_no_more(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CALLS_WAITING_MAX", 2)
    async with running_signer(path), SignerClient(path) as client:
        for _ in range(5):
            assert (await client.sign_node_host(node_id=NODE, public_key=KEY)).serial


async def test_cancelled_call_takes_no_other_with_it(path: Path) -> None:
    held: list[tuple[asyncio.StreamWriter, int]] = []
    both = asyncio.Event()

    def answer(connection: int, writer: asyncio.StreamWriter, call: Call) -> None:
        held.append((writer, call.number))
        if len(held) == 2:
            both.set()

    async with odd_signer(path, answer), SignerClient(path) as client:
        first, second = asyncio.create_task(check(client)), asyncio.create_task(check(client))
        await both.wait()
        first.cancel()
        await asyncio.wait({first})
        for writer, number in held:
            reply(writer, number, number)
        assert await second == held[1][1]
        assert first.cancelled()
