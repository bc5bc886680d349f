"""Children start in order, start again when they crash, and end all together, whatever ends the supervisor."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from tests.support.processes import until, wait_for

from doorward.main import supervisor as module
from doorward.main.supervisor import READY_FD_VARIABLE, Child, NotReady, Supervisor

READY = f"import os,time,sys; os.write(int(os.environ[{READY_FD_VARIABLE!r}]), b'1'); "
WAIT_SECONDS_MAX = 15.0


def child(name: str, code: str, folder: Path) -> Child:
    return Child(name, [sys.executable, "-S", "-c", code], {"PATH": os.environ["PATH"]}, folder)


def steady(name: str, folder: Path) -> Child:
    return child(name, READY + "time.sleep(60)", folder)


@asynccontextmanager
async def running(*children: Child) -> AsyncIterator[Supervisor]:
    supervisor, ready = Supervisor(children), asyncio.Event()
    task = asyncio.create_task(supervisor.run(ready))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=WAIT_SECONDS_MAX)
    waiting.cancel()
    try:
        if task.done():
            task.result()
        yield supervisor
    finally:
        supervisor.stop()
        await asyncio.wait({task}, timeout=WAIT_SECONDS_MAX)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def descriptors_open() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACK_OFF_FIRST_SECONDS", 0.02)


async def test_crashed_child_is_started_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with running(steady("one", tmp_path), steady("two", tmp_path)) as supervisor:
        before, other = supervisor.pid_of("one"), supervisor.pid_of("two")
        assert before is not None
        os.kill(before, signal.SIGKILL)
        await until(lambda: supervisor.pid_of("one") not in {None, before})
        assert supervisor.pid_of("two") == other
    assert "one ended with -9; starting it again" in capfd.readouterr().err


async def test_child_that_keeps_crashing_waits_longer_each_time(tmp_path: Path) -> None:
    log = tmp_path / "starts"
    code = f"open({str(log)!r},'a').write(str(time.monotonic())+chr(10)); sys.exit(3)"
    async with running(child("one", READY + code, tmp_path)):
        await until(lambda: log.exists() and len(log.read_text().split()) >= 5)
    starts = [float(text) for text in log.read_text().split()]
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert pauses[3] > 0.16
    assert pauses[3] > pauses[0]


async def test_all_children_end_together(tmp_path: Path) -> None:
    async with running(steady("one", tmp_path), steady("two", tmp_path)) as supervisor:
        pids = [supervisor.pid_of("one"), supervisor.pid_of("two")]
    assert not any(is_alive(pid) for pid in pids if pid is not None)


async def test_child_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_SECONDS", 0.1)
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + READY + "time.sleep(60)"
    async with running(child("deaf", code, tmp_path)) as supervisor:
        pid = supervisor.pid_of("deaf")
        assert pid is not None
    assert not is_alive(pid)


async def test_child_that_ends_before_it_is_ready_stops_the_start(tmp_path: Path) -> None:
    first = steady("first", tmp_path)
    supervisor = Supervisor([first, child("second", "raise SystemExit(1)", tmp_path)])
    with pytest.raises(ExceptionGroup) as caught:
        await supervisor.run()
    assert caught.group_contains(NotReady, match="second stopped while starting")
    assert supervisor.pid_of("first") is None


async def test_child_that_stays_silent_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READY_SECONDS", 0.3)
    pid_file = tmp_path / "pid"
    code = f"import os,time; open({str(pid_file)!r},'w').write(str(os.getpid())); time.sleep(60)"
    with pytest.raises(ExceptionGroup) as caught:
        await Supervisor([child("silent", code, tmp_path)]).run()
    assert caught.group_contains(NotReady, match="was not ready")
    assert not is_alive(int(pid_file.read_text()))


async def test_silent_restart_leaves_nothing_beside_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first start is ready; the second stays silent, and is gone before the third begins."""
    monkeypatch.setattr(module, "READY_SECONDS", 0.5)
    count = tmp_path / "count"
    code = (
        f"import os,time; f=open({str(count)!r},'a'); f.write(str(os.getpid())+chr(10)); f.close(); "
        f"n=len(open({str(count)!r}).read().split()); "
        f"n != 2 and os.write(int(os.environ[{READY_FD_VARIABLE!r}]), b'1'); time.sleep(60)"
    )
    async with running(child("one", code, tmp_path)) as supervisor:
        os.kill(supervisor.pid_of("one") or 0, signal.SIGKILL)
        await until(lambda: len(count.read_text().split()) == 3)
        pids = [int(text) for text in count.read_text().split()]
        await until(lambda: supervisor.pid_of("one") == pids[2])
        assert not is_alive(pids[1])


async def test_program_that_is_not_there_does_not_start(tmp_path: Path) -> None:
    descriptors = descriptors_open()
    with pytest.raises(ExceptionGroup) as caught:
        await Supervisor([Child("none", ["/no/such/program"], {}, tmp_path)]).run()
    assert caught.group_contains(OSError)
    assert descriptors_open() <= descriptors + 1


async def test_stop_is_heard_while_a_child_is_starting(tmp_path: Path) -> None:
    supervisor = Supervisor([child("slow", "import time; time.sleep(60)", tmp_path)])
    task = asyncio.create_task(supervisor.run())
    await until(lambda: supervisor.pid_of("slow"))
    pid = supervisor.pid_of("slow")
    supervisor.stop()
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        await task
    assert pid is not None
    assert not is_alive(pid)


async def test_child_gets_its_own_environment_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_KEK", "secret")
    seen = tmp_path / "environment"
    code = READY + f"open({str(seen)!r},'w').write(repr(dict(os.environ))); time.sleep(60)"
    async with running(child("one", code, tmp_path)):
        await until(lambda: seen.exists() and seen.read_text().endswith("}"))
    assert "secret" not in seen.read_text()
    assert "DOORWARD_KEK" not in seen.read_text()


def test_children_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = READY + f"open({str(pid_file)!r},'w').write(str(os.getpid())); time.sleep(60)"
    program = (
        "import asyncio,sys\n"
        "from pathlib import Path\n"
        "from doorward.main.supervisor import Child, Supervisor\n"
        f"one = Child('one', [sys.executable, '-S', '-c', {code!r}], {{}}, Path({str(tmp_path)!r}))\n"
        "asyncio.run(Supervisor([one]).run())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program])
    try:
        wait_for(lambda: pid_file.exists() and pid_file.read_text(), WAIT_SECONDS_MAX)
        pid = int(pid_file.read_text())
        assert is_alive(pid)
    finally:
        parent.kill()
        parent.wait()
    wait_for(lambda: not is_alive(pid), WAIT_SECONDS_MAX)
