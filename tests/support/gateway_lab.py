"""A gateway in this process, a real sshd behind it, a fake authority beside it, and the stock ssh in front of it."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.support.accounts import account
from tests.support.fake_control_plane import FakeControlPlane, FakeNode
from tests.support.openssh import SshClient, Sshd, SshdSettings, SshResult
from tests.support.ports import LOOPBACK
from tests.support.ssh_keys import make_key

from doorward.base.clock import Clock, SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.domain.certificates.principals import session_principal
from doorward.gateway.process import RunningGateway, run_gateway
from doorward.gateway.recorder.budget import RecorderLimits
from doorward.gateway.settings import GatewaySettings
from doorward.net.doors import DoorLimits
from doorward.wire.ssh.public_key import ed25519_blob, parse_public_key_line, public_key_line

LOGIN = "dwt-root"
NODE = "prod-web-01"
RUN_SECONDS_MAX = 30.0


@dataclass
class Lab:
    """All the parts, running."""

    control_plane: FakeControlPlane
    node: FakeNode
    sshd: Sshd
    client: SshClient
    login: str
    settings: GatewaySettings
    clock: Clock
    problems: list[tuple[str, BaseException]] = field(default_factory=list)
    running: RunningGateway | None = None

    @property
    def port(self) -> int:
        assert self.running is not None
        return self.running.addresses[0][1]

    @property
    def jumps(self) -> int:
        """How many jump connections are open at the gateway."""
        assert self.running is not None
        return self.running.health().jumps

    def command(
        self, *arguments: str, options: Sequence[str] = (), node: str = NODE, program: str = "ssh"
    ) -> list[str]:
        """The stock client's command line for `login@node@gateway`."""
        client = replace(self.client, options=(*options, *self.client.options))
        target = f"{self.login}@{node}@{LOOPBACK}"
        return client.command(target, *arguments, port=self.port, program=f"/usr/bin/{program}")

    async def start(self, *command: str) -> asyncio.subprocess.Process:
        """A process with all its streams as pipes."""
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.client.environment(),
        )

    async def ssh(
        self, *arguments: str, stdin: bytes = b"", options: Sequence[str] = (), node: str = NODE
    ) -> SshResult:
        """Run the stock client to its end."""
        process = await self.start(*self.command(*arguments, options=options, node=node))
        try:
            async with asyncio.timeout(RUN_SECONDS_MAX):
                out, err = await process.communicate(stdin)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return SshResult(process.returncode or 0, out, err)

    async def eventually(self, condition: object, seconds: float = 5.0) -> None:
        """Wait until `condition()` holds."""
        assert callable(condition)
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110  (whatever a test waits for)
                await asyncio.sleep(0.02)

    def only_session(self) -> str:
        """The id of the one session that was opened."""
        assert len(self.control_plane.plans) == 1
        return self.control_plane.plans[0].session_id


@contextlib.asynccontextmanager
async def gateway_lab(
    directory: Path,
    *,
    clock: Clock | None = None,
    doors: DoorLimits | None = None,
    sshd_lines: tuple[str, ...] = (),
    authority: tuple[str, int] | None = None,
    control_plane: FakeControlPlane | None = None,
    show_identity: Callable[[ssl.SSLContext], None] | None = None,
    recorder: RecorderLimits | None = None,
) -> AsyncIterator[Lab]:
    """Everything started; everything stopped at the end."""
    clock = clock or SystemClock()
    plane = control_plane or FakeControlPlane(clock=clock)
    user = account(LOGIN)
    node = FakeNode(NODE, "", (user.login,))
    host_key = make_key(directory / "host_key")
    certificate = plane.host_certificate(node, parse_public_key_line(host_key.public_line))
    sshd_settings = SshdSettings(
        user_ca_lines=(public_key_line(plane.sessions_ca.public_blob),),
        principals={user.login: (session_principal(node.id, user.login),)},
        host_certificate=public_key_line(certificate),
        host_key=host_key,
        lines=sshd_lines,
    )
    with Sshd(sshd_settings) as sshd:
        node.address = f"{LOOPBACK}:{sshd.port}"
        plane.nodes[NODE] = node
        client = make_client(directory, plane)
        settings = GatewaySettings(
            listen=((LOOPBACK, 0),),
            spool=directory / "spool",
            doors=doors or DoorLimits(),
            authority=authority,
            show_identity=show_identity,
            recorder=recorder or RecorderLimits(),
        )
        lab = Lab(plane, node, sshd, client, user.login, settings, clock)
        async with running(lab):
            yield lab


@contextlib.asynccontextmanager
async def running(lab: Lab) -> AsyncIterator[None]:
    """The gateway alone, started and stopped."""
    ready = asyncio.Event()

    def on_ready(gateway: RunningGateway) -> None:
        lab.running = gateway
        ready.set()

    task = asyncio.create_task(
        run_gateway(
            lab.settings,
            lab.control_plane,
            lab.clock,
            SystemEntropy(),
            on_ready=on_ready,
            report=lambda name, error: lab.problems.append((name, error)),
        )
    )
    try:
        async with asyncio.timeout(10):
            await ready.wait()
            while not (lab.control_plane.is_away or ready_gateway(lab).health().in_control):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def make_client(directory: Path, plane: FakeControlPlane) -> SshClient:
    """A signed-in user: key, certificate, and the authority that may vouch for gateways' names."""
    private = Ed25519PrivateKey.generate()
    identity = directory / "id"
    identity.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    identity.chmod(0o600)
    blob = ed25519_blob(private.public_key().public_bytes_raw())
    certificate = directory / "id-cert.pub"
    certificate.write_text(public_key_line(plane.user_certificate(blob)) + "\n")
    known = f"@cert-authority * {public_key_line(plane.faces_ca.public_blob)}"
    return SshClient(directory, identity=identity, certificate=certificate, known_hosts_lines=(known,))


def ready_gateway(lab: Lab) -> RunningGateway:
    """The running gateway; it must be running."""
    assert lab.running is not None
    return lab.running
