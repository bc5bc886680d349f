"""What an idle recorded session costs a gateway in memory, with many open: real connections, each with its own shell.

The gateway is started anew and warmed first, because memory that an earlier burst left free would make sessions look
cheaper than they are. The clients live in a process of their own (`python -m benchmarks.ssh_idle`), with asyncssh, the
user's certificate and no sharing of connections.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import asyncssh
from benchmarks.scene import CIPHERS, KEX, RECORDED, Scene, resident_kib

AT_ONCE = 8
WARM_UPS = 24
OPEN_SECONDS_MAX = 180.0
REST_SECONDS = 4.0


def measure(scene: Scene, sessions: int) -> dict[str, float]:
    """`ssh_idle_session_kib`."""
    scene.installation.stop()
    scene.installation.start()
    _hold(scene, WARM_UPS, lambda: None)
    scene.settle()
    time.sleep(REST_SECONDS)
    gateway = scene.installation.pid_of("gateway")
    before, after = resident_kib(gateway), 0

    def look() -> None:
        nonlocal after
        time.sleep(REST_SECONDS)
        after = resident_kib(gateway)

    _hold(scene, sessions, look)
    scene.settle()
    return {
        "ssh_idle_session_kib": round((after - before) / sessions, 1),
        "ssh_idle_gateway_mib": round(before / 1024, 1),
        "ssh_idle_sessions": sessions,
    }


def _hold(scene: Scene, sessions: int, look: Callable[[], None]) -> None:
    """Open so many, call `look`, close them."""
    command = [sys.executable, "-m", "benchmarks.ssh_idle", str(scene.installation.port), str(scene.user.keep)]
    user_name = f"{RECORDED}@{scene.nodes['gcm'].name}"
    clients = subprocess.Popen(
        [*command, user_name, str(sessions)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ}
    )
    try:
        assert clients.stdout is not None
        if clients.stdout.readline() != b"open\n":
            raise RuntimeError("the idle clients did not come in")
        look()
        clients.communicate(timeout=60)
    finally:
        clients.kill()
        clients.wait()


async def _clients(port: int, keep: Path, user_name: str, sessions: int) -> None:
    room = asyncio.Semaphore(AT_ONCE)
    kept: list[tuple[asyncssh.SSHClientConnection, object]] = []

    async def one() -> None:
        async with room:
            connection = await asyncssh.connect(
                "127.0.0.1",
                port,
                username=user_name,
                client_keys=[(str(keep / "id_ed25519"), str(keep / "id_ed25519-cert.pub"))],
                known_hosts=None,
                config=None,
                agent_path=None,
                kex_algs=[KEX],
                encryption_algs=[CIPHERS["gcm"]],
            )
            shell = await connection.create_process(term_type="xterm", encoding=None)
            await shell.stdout.read(1)  # its prompt
            kept.append((connection, shell))

    async with asyncio.timeout(OPEN_SECONDS_MAX), asyncio.TaskGroup() as tasks:
        for _ in range(sessions):
            tasks.create_task(one())
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for connection, _ in kept:
        connection.abort()


if __name__ == "__main__":
    asyncio.run(_clients(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
