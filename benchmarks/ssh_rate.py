"""How many new sessions a gateway opens, records, ends and reports in one CPU second of its process.

Stock `ssh host true`, four at a time; the CPU time is the kernel's count for the gateway's process, from the first
connection until the last recording has left the spool.
"""

from concurrent.futures import ThreadPoolExecutor

from benchmarks.scene import RECORDED, Scene, cpu_seconds

AT_ONCE = 4
WARM_UPS = 8


def measure(scene: Scene, sessions: int) -> dict[str, float]:
    """`ssh_sessions_per_core_s`, and the milliseconds of CPU that one session costs each of our processes."""
    command = scene.ssh("gateway", "gcm", RECORDED, "true")
    roles = ("gateway", "authority", "signer")
    pids = {role: scene.installation.pid_of(role) for role in roles}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda _: scene.run(*command), range(WARM_UPS)))
        scene.settle()
        before = {role: cpu_seconds(pid) for role, pid in pids.items()}
        list(pool.map(lambda _: scene.run(*command), range(sessions)))
        scene.settle()
    spent = {role: cpu_seconds(pid) - before[role] for role, pid in pids.items()}
    figures = {f"ssh_session_{role}_cpu_ms": round(spent[role] / sessions * 1000, 2) for role in roles}
    return {"ssh_sessions_per_core_s": round(sessions / spent["gateway"], 1), **figures}
