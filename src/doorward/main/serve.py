"""`doorward serve`: signer, authority and gateway as processes of one supervisor, or one role in this process.

Each child gets an environment of its own and nothing else: the key-encryption key goes to the signer alone, and the
gateway starts in its own directory, knowing no other.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

import uvloop

from doorward.base.clock import SystemClock
from doorward.main import logs, signer_role
from doorward.main.descriptors import raise_descriptor_limit
from doorward.main.embedded_gateway import is_missing
from doorward.main.gateway_settings import write_settings
from doorward.main.installation import checked_installation_id, read_installation_id
from doorward.main.layout import Layout
from doorward.main.role_users import BadUsers, check_runs_as
from doorward.main.settings import Settings, load_settings
from doorward.main.supervisor import Child, Supervisor, run_once
from doorward.net.sole_process import sole_process
from doorward.stores.keys.kek import CREDENTIALS_VARIABLE, KekEnvironment

PROGRAM: Final = (sys.executable, "-m", "doorward.main.entry")
SERVE_LOCK: Final = "serve.lock"
INHERITED: Final = ("PATH", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV")


def settings_of(layout: Layout, config: Path | None) -> Settings:
    """From `--config`, else from the file that `init` wrote."""
    return load_settings(config if config is not None else layout.config, layout.root)


def run_role_here(role: str, layout: Layout, config: Path | None) -> None:
    """One role in this process, until a signal. A gateway's data directory is the gateway's own.

    Each role imports its own parts only: the signer's process holds no web framework, the gateway's no database.
    """
    logs.configure(role)
    raise_descriptor_limit()
    if role == "gateway":
        from doorward.main import gateway_role

        gateway_role.run_here(layout.root)
        return
    settings = settings_of(layout, config)
    check_runs_as(role, settings.users)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if role == "signer":
            runner.run(_until_signal(signer_role.run(settings, layout)))
        else:
            from doorward.main import authority_role

            runner.run(authority_role.run(settings, layout))


async def _until_signal(work: Coroutine[Any, Any, None]) -> None:
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


async def run_all(layout: Layout, config: Path | None, on_ready: "asyncio.Event | None" = None) -> None:
    """Everything on this host."""
    read_installation_id(layout)  # what is missing is told before what is wrong
    settings = settings_of(layout, config)
    if settings.users is not None:
        raise BadUsers("serving: each role has a user of its own; run each as that user, with --role")
    checked_installation_id(layout, None)
    async with sole_process(layout.root / SERVE_LOCK, "doorward serve"):
        await _run_children(layout, settings, config, on_ready)


async def _run_children(
    layout: Layout, settings: Settings, config: Path | None, on_ready: "asyncio.Event | None"
) -> None:
    write_settings(layout, settings)
    if is_missing(layout, SystemClock().now()):
        await run_once(identity_maker(settings, layout, config, os.environ))
    supervisor = Supervisor(children(settings, layout, config, os.environ))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop)
    ready = on_ready or asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        said = tasks.create_task(_say_ready(ready, settings))
        await supervisor.run(ready)
        said.cancel()


async def _say_ready(ready: asyncio.Event, settings: Settings) -> None:
    await ready.wait()
    print(f"doorward: ready; users connect to {settings.names[0]}, port {settings.listen.port}", flush=True)  # noqa: T201


def children(settings: Settings, layout: Layout, config: Path | None, environment: Mapping[str, str]) -> list[Child]:
    """The three processes: what each is started with, and what it gets to know."""
    plain = _plain(environment)
    program = [*PROGRAM, "serve"]
    chosen, here = _chosen(config), ["--data", str(layout.root)]
    secrets = _secrets(settings, layout, environment)
    return [
        Child("signer", [*program, *here, *chosen, "--role", "signer"], {**plain, **secrets}, layout.root),
        Child("authority", [*program, *here, *chosen, "--role", "authority"], plain, layout.authority),
        Child("gateway", [*program, "--data", str(layout.gateway), "--role", "gateway"], plain, layout.gateway),
    ]


def identity_maker(settings: Settings, layout: Layout, config: Path | None, environment: Mapping[str, str]) -> Child:
    """The process that makes the embedded gateway's identity, and ends."""
    known = {**_plain(environment), **_secrets(settings, layout, environment)}
    return Child("identity", [*PROGRAM, "identity", "--data", str(layout.root), *_chosen(config)], known, layout.root)


def _plain(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[name] for name in INHERITED if name in environment}


def _chosen(config: Path | None) -> list[str]:
    return ["--config", str(config.resolve())] if config is not None else []


def _secrets(settings: Settings, layout: Layout, environment: Mapping[str, str]) -> dict[str, str]:
    source = signer_role.kek_source(settings, layout)
    secrets = {CREDENTIALS_VARIABLE: environment[CREDENTIALS_VARIABLE]} if CREDENTIALS_VARIABLE in environment else {}
    if isinstance(source, KekEnvironment) and source.variable in environment:
        secrets[source.variable] = environment[source.variable]
    return secrets
