"""Where the time of a live process goes: the roles started one by one, each with a sampler inside.

`python -m benchmarks.profiled OUTPUT_DIRECTORY [SESSIONS]` opens sessions as the row `ssh_sessions_per_core_s` does and
writes one file for each of gateway and authority: which functions were running (first table), and in which they were
called (second table), in percent of the CPU time that the process used: the kernel's profiling timer says when to look.
What other threads use is counted where they stand, or as the event loop's own when none of them runs Python.
"""

import collections
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from benchmarks import ssh_rate
from benchmarks.scene import open_scene
from benchmarks.sizes import QUICK
from tests.support.installation import Installation
from tests.support.ports import answers

EACH_SECONDS = 0.002
IDLE = ("runners.py:run", "threading.py:wait", "thread.py:_worker", "selectors.py:select", "queue.py:get")
LINES_MAX = 260
READY_SECONDS_MAX = 60.0


class Sampler:
    """Counts what this process is doing each time that it has used a little CPU time."""

    def __init__(self) -> None:
        self._busy = 0
        self._own: collections.Counter[str] = collections.Counter()
        self._within: collections.Counter[str] = collections.Counter()
        signal.signal(signal.SIGPROF, self._look)
        signal.siginterrupt(signal.SIGPROF, False)
        signal.setitimer(signal.ITIMER_PROF, EACH_SECONDS, EACH_SECONDS)

    def _look(self, _number: int, frame: FrameType | None) -> None:
        stack = _stack(frame)
        if stack[0].endswith(IDLE):
            others = [_stack(one) for ident, one in sys._current_frames().items() if ident != threading.get_ident()]
            stack = next((one for one in others if not one[0].endswith(IDLE)), stack)
        self._busy += 1
        self._own[stack[0]] += 1
        self._within.update(set(stack))

    def write(self, file: Path) -> None:
        """Stop, and write both tables."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        lines = [f"{self._busy} busy samples"]
        for title, counted in (("itself", self._own), ("with what it called", self._within)):
            lines.append(f"\n{title}")
            lines += [f"{n * 100 / max(1, self._busy):5.1f} %  {name}" for name, n in counted.most_common(LINES_MAX)]
        file.write_text("\n".join(lines) + "\n")


def _stack(frame: FrameType | None) -> list[str]:
    """Innermost first."""
    stack: list[str] = []
    while frame is not None:
        place = Path(frame.f_code.co_filename)
        stack.append(f"{place.parent.name}/{place.name}:{frame.f_code.co_name}")
        frame = frame.f_back
    return stack


@dataclass
class ProfiledInstallation(Installation):
    """Starts the roles itself, each writing its profile when it is stopped."""

    roles: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    output: Path = field(default_factory=lambda: Path(sys.argv[1]).resolve())

    def start(self) -> None:
        """Signer, authority, gateway, in this order."""
        for role in ("signer", "authority", "gateway"):
            command = [sys.executable, "-m", "benchmarks.profiled", "--role", role]
            self.roles[role] = subprocess.Popen([*command, str(self.data), str(self.output / f"{role}.txt")])
            self._wait(role)

    def _wait(self, role: str) -> None:
        ports = {"authority": self.authority_port, "gateway": self.port}
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not (answers(ports[role]) if role in ports else (self.data / "run" / "signer.sock").exists()):
            if time.monotonic() > deadline or self.roles[role].poll() is not None:
                raise RuntimeError(f"the {role} did not start")
            time.sleep(0.1)

    def stop(self) -> None:
        """The inverse."""
        for role in reversed(self.roles.values()):
            role.send_signal(signal.SIGTERM)
            role.wait(20)

    def pid_of(self, role: str) -> int:
        """Ours."""
        return self.roles[role].pid


def _serve(role: str, data: Path, output: Path) -> None:
    from doorward.main import serve
    from doorward.main.gateway_settings import write_settings
    from doorward.main.layout import Layout
    from doorward.main.settings import load_settings

    layout = Layout(data)
    os.umask(0o077)
    if role == "gateway":
        write_settings(layout, load_settings(layout.config, data))
        layout = Layout(layout.gateway)
    sampler = Sampler()
    try:
        serve.run_role_here(role, layout, None)
    finally:
        sampler.write(output)


def main() -> None:
    """Profile new sessions."""
    output = Path(sys.argv[1]).resolve()
    output.mkdir(exist_ok=True)
    sessions = int(sys.argv[2]) if len(sys.argv) > 2 else QUICK.sessions
    with open_scene(QUICK.nodes, kind=ProfiledInstallation) as scene:
        print(ssh_rate.measure(scene, sessions))
    print(f"profiles are in {output}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--role"]:
        _serve(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
