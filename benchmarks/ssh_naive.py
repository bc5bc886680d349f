"""What a relay costs that does nothing but relay: the least that two asyncssh connections for each session take.

No certificate, no decision, no record, no report: a user's public key is known, the node's host key is not looked at,
and what `true` says is passed on. The row beside `ssh_sessions_per_core_s` says how much of a session's CPU time is
the library's own, on this machine and in this run.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncssh
import uvloop
from benchmarks.scene import CIPHERS, KEX, RECORDED, Scene, cpu_seconds
from tests.support.openssh import SSH
from tests.support.ports import answers, free_port

from doorward.main.heap import settle_heap

AT_ONCE = 4
WARM_UPS = 8
READY_SECONDS_MAX = 20.0


def measure(scene: Scene, sessions: int) -> dict[str, float]:
    """`ssh_naive_relay_cpu_ms`: the relay's CPU time for one `ssh host true`."""
    key = scene.folder / "key"
    with _relay(scene.nodes["gcm"].sshd.port, key) as (relay, port):
        command = [
            SSH, "-F", "none", "-p", str(port), "-l", RECORDED, "-i", str(key), "-o", "IdentitiesOnly=yes",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
            "127.0.0.1", "true",
        ]  # fmt: skip
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda _: scene.run(*command), range(WARM_UPS)))
            before = cpu_seconds(relay.pid)
            list(pool.map(lambda _: scene.run(*command), range(sessions)))
            spent = cpu_seconds(relay.pid) - before
    return {"ssh_naive_relay_cpu_ms": round(spent / sessions * 1000, 2)}


@contextlib.contextmanager
def _relay(node_port: int, key: Path) -> "Iterator[tuple[subprocess.Popen[bytes], int]]":
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.ssh_naive", str(port), str(node_port), str(key)]
    with subprocess.Popen(command) as relay:
        try:
            for _ in range(int(READY_SECONDS_MAX * 10)):
                if answers(port):
                    break
                with contextlib.suppress(subprocess.TimeoutExpired):
                    relay.wait(0.1)
                    raise RuntimeError("the naive relay did not start")
            yield relay, port
        finally:
            relay.terminate()


async def _serve(port: int, node_port: int, key: str) -> None:
    suite = {"kex_algs": [KEX], "encryption_algs": [CIPHERS["gcm"]], "config": None, "encoding": None}
    towards_node = asyncssh.SSHClientConnectionOptions(
        username=RECORDED, client_keys=[key], known_hosts=None, agent_path=None, **suite
    )

    async def relayed(process: "asyncssh.SSHServerProcess[bytes]") -> None:
        async with asyncssh.connect("127.0.0.1", node_port, options=towards_node) as node:
            upstream = await node.create_process(process.command, encoding=None)
            await process.redirect(stdin=upstream.stdin, stdout=upstream.stdout, stderr=upstream.stderr)
            process.exit((await upstream.wait()).exit_status or 0)

    await asyncssh.listen(
        "127.0.0.1",
        port,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        authorized_client_keys=f"{key}.pub",
        process_factory=relayed,
        **suite,
    )
    settle_heap()
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
