"""Runs the roles as processes of their own, restarts a crashed one with back-off, and ends all of them together.

Each child says that it is ready by closing the pipe whose number stands in DOORWARD_READY_FD, after one byte. A child
that dies is started again after 0.2 s, doubling to 10 s; one that lived for a minute starts afresh. Children get a
signal when the supervisor dies (prctl PR_SET_PDEATHSIG), so that `kill -9` leaves nothing behind.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BACK_OFF_FIRST_SECONDS: Final = 0.2
BACK_OFF_MAX_SECONDS: Final = 10.0
STEADY_SECONDS: Final = 60.0
READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 10.0
READY_FD_VARIABLE: Final = "DOORWARD_READY_FD"
_PR_SET_PDEATHSIG: Final = 1
_libc: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Child:
    """One role: its command, and all of its environment (nothing is inherited)."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path


class NotReady(Exception):
    """A child ended, or stayed silent, before it was ready; its own message is on stderr."""


def die_with_parent() -> None:
    """Ask the kernel to end this process when its parent dies; runs in the child between fork and exec."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def announce_ready() -> None:
    """Called by a role once it serves; without a supervisor it does nothing."""
    number = os.environ.pop(READY_FD_VARIABLE, "")
    if number.isdigit():
        with contextlib.suppress(OSError):
            os.write(int(number), b"1")
            os.close(int(number))


async def run_once(child: Child) -> None:
    """Run it to its end; `NotReady` when it fails, its own message being on stderr."""
    process = await asyncio.create_subprocess_exec(
        *child.command,
        env=child.environment,
        cwd=child.directory,
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    try:
        async with asyncio.timeout(READY_SECONDS):
            status = await process.wait()
    except TimeoutError as error:
        raise NotReady(f"{child.name} took more than {READY_SECONDS:.0f} seconds") from error
    finally:
        await _end(process)
    if status != 0:
        raise NotReady(f"{child.name} failed while starting")


class Supervisor:
    """Starts children in order, each once the one before is ready, and keeps them running."""

    def __init__(self, children: Sequence[Child]) -> None:
        self._children = children
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End everything; `run` returns when all children are gone."""
        self._stopping.set()

    def pid_of(self, name: str) -> int | None:
        """The process id of a running child."""
        process = self._processes.get(name)
        return process.pid if process is not None and process.returncode is None else None

    async def run(self, on_ready: "asyncio.Event | None" = None) -> None:
        """Run until `stop`; raises `NotReady` when a child can not start the first time."""
        running: list[asyncio.Task[None]] = []
        try:
            async with asyncio.TaskGroup() as tasks:

                async def start_all() -> None:
                    for child in self._children:
                        process = await self._start(child)
                        running.append(tasks.create_task(self._keep(child, process), name=f"keep {child.name}"))
                    if on_ready is not None:
                        on_ready.set()

                running.append(tasks.create_task(start_all(), name="start"))
                await self._stopping.wait()  # also while a child is still starting
                for task in running:
                    task.cancel()
        finally:
            await self._end_all()

    async def _start(self, child: Child) -> asyncio.subprocess.Process:
        reader, writer = os.pipe()
        environment = {**child.environment, READY_FD_VARIABLE: str(writer)}
        try:
            process = await asyncio.create_subprocess_exec(
                *child.command,
                env=environment,
                cwd=child.directory,
                pass_fds=(writer,),
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        self._processes[child.name] = process
        try:
            await self._wait_ready(child, reader)
        except NotReady:
            # It may live on, silent: a second one beside it would fight with it for its port.
            await _end(process)
            raise
        return process

    async def _wait_ready(self, child: Child, reader: int) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(reader, ready.set)
        try:
            async with asyncio.timeout(READY_SECONDS):
                await ready.wait()
            said = os.read(reader, 1)
        except TimeoutError as error:
            raise NotReady(f"{child.name} was not ready after {READY_SECONDS:.0f} seconds") from error
        finally:
            loop.remove_reader(reader)
            os.close(reader)
        if said != b"1":
            raise NotReady(f"{child.name} stopped while starting")

    async def _keep(self, child: Child, process: asyncio.subprocess.Process) -> None:
        loop = asyncio.get_running_loop()
        wait_seconds = BACK_OFF_FIRST_SECONDS
        started = loop.time()
        while True:
            status = await process.wait()
            if loop.time() - started > STEADY_SECONDS:
                wait_seconds = BACK_OFF_FIRST_SECONDS
            print(f"doorward: {child.name} ended with {status}; starting it again", file=sys.stderr, flush=True)  # noqa: T201
            while True:
                await asyncio.sleep(wait_seconds)
                wait_seconds = min(wait_seconds * 2, BACK_OFF_MAX_SECONDS)
                started = loop.time()
                try:
                    process = await self._start(child)
                except (NotReady, OSError) as error:
                    print(f"doorward: {error}", file=sys.stderr, flush=True)  # noqa: T201
                else:
                    break

    async def _end_all(self) -> None:
        for name in reversed(list(self._processes)):
            await _end(self._processes[name])


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask it to end, and make it end when it does not."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
