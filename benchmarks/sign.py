"""Session certificates signed per second, per core of a real signer process, asked by pipelining clients.

Run alone: `python benchmarks/sign.py`. The figure divides certificates by the CPU seconds that the signer's process
used, so it does not depend on how busy the other cores are, and the clients' own work is not counted.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from doorward.api.signer.client import SignerClient
from doorward.api.signer.messages import SignSessionSsh
from doorward.base.clock import SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.base.ids import InstallationId, NodeId, SessionId, new_id
from doorward.base.secret import Secret
from doorward.signer.process import harden_process, run_signer
from doorward.signer.rates import USUAL_RATES, Rate
from doorward.stores.keys.creation import create_keys
from doorward.stores.keys.kek import KEK_BYTES, KekFile, create_kek_file, load_kek
from doorward.stores.keys.key_files import open_keys
from doorward.wire.ssh.public_key import ed25519_blob

CERTIFICATES = 20_000
CLIENTS = 4
CALLS_AT_ONCE = 64
KEYS = 64
EXTENSIONS = ("permit-pty", "permit-port-forwarding")


def measure() -> dict[str, float]:
    """`sign_per_core_s`, and what else was seen: wall rate, and the signer's CPU microseconds per certificate."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        installation_id = InstallationId(new_id(SystemEntropy()))
        kek = create_kek_file(directory / "kek", SystemEntropy())
        assert len(kek.reveal()) == KEK_BYTES
        create_keys(directory / "keys", kek, installation_id, clock=SystemClock(), entropy=SystemEntropy())
        signer = subprocess.Popen(
            [sys.executable, __file__, "--serve", name, installation_id], stdout=subprocess.PIPE, close_fds=True
        )
        try:
            assert signer.stdout is not None
            assert signer.stdout.readline() == b"ready\n"
            return asyncio.run(_load(directory / "signer", signer.pid))
        finally:
            signer.terminate()
            signer.wait()


async def _load(socket_path: Path, signer_pid: int) -> dict[str, float]:
    entropy = SystemEntropy()
    blobs = [ed25519_blob(Ed25519PrivateKey.generate().public_key().public_bytes_raw()) for _ in range(KEYS)]
    clients = [SignerClient(socket_path, call_seconds=60) for _ in range(CLIENTS)]
    session_id, node_id = SessionId(new_id(entropy)), NodeId(new_id(entropy))

    async def ask(client: SignerClient, count: int) -> None:
        for i in range(count):
            await client.sign_session_ssh(
                session_id=session_id, node_id=node_id, login="root", public_key=blobs[i % KEYS], extensions=EXTENSIONS
            )

    async def round_of(certificates: int) -> None:
        async with asyncio.TaskGroup() as tasks:
            for client in clients:
                for _ in range(CALLS_AT_ONCE):
                    tasks.create_task(ask(client, certificates // (CLIENTS * CALLS_AT_ONCE)))

    await round_of(CERTIFICATES // 10)  # warm
    asked = CERTIFICATES // (CLIENTS * CALLS_AT_ONCE) * CLIENTS * CALLS_AT_ONCE
    cpu_before, wall_before = _cpu_seconds(signer_pid), time.perf_counter()
    await round_of(CERTIFICATES)
    cpu, wall = _cpu_seconds(signer_pid) - cpu_before, time.perf_counter() - wall_before
    for client in clients:
        client.close()
    return {
        "sign_per_core_s": round(asked / cpu, 1),
        "sign_wall_s": round(asked / wall, 1),
        "sign_cpu_us": round(cpu / asked * 1e6, 1),
    }


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _serve(directory: Path, installation_id: InstallationId) -> None:
    harden_process()
    kek: Secret = load_kek(KekFile(directory / "kek"), os.environ)
    ring = open_keys(directory / "keys", kek, installation_id)
    rates = {**USUAL_RATES, SignSessionSsh: Rate(1_000_000, 1_000_000)}  # the ceiling is not what is measured
    asyncio.run(
        run_signer(
            ring,
            directory / "signer",
            allowed_uids={os.getuid()},
            clock=SystemClock(),
            entropy=SystemEntropy(),
            rates=rates,
            on_ready=lambda: print("ready", flush=True),
        )
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        _serve(Path(sys.argv[2]), InstallationId(sys.argv[3]))
    else:
        print(measure())
