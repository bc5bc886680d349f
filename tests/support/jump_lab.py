"""The stock client's configuration for the ways in by a node's own name: a jump through the lab's gateway."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.gateway_lab import RUN_SECONDS_MAX, Lab
from tests.support.openssh import SSH, SshClient, SshResult
from tests.support.ports import LOOPBACK

GATEWAY = "gw"
NODE_HOST = "prod-web-01.dw"


@dataclass
class JumpClient:
    """One user who jumps; `inner` may be another user's key for the connection inside."""

    lab: Lab
    directory: Path
    inner: SshClient | None = None
    outer_options: tuple[str, ...] = ()
    inner_options: tuple[str, ...] = ()
    outer_user: str = "bob"

    def config(self) -> Path:
        """The configuration file; written only when it changes, since clients that still run may be reading it."""
        both = [
            f"UserKnownHostsFile {self.directory / 'known_hosts'}",
            "GlobalKnownHostsFile none",
            "StrictHostKeyChecking yes",
            "BatchMode yes",
            "IdentitiesOnly yes",
            "IdentityAgent none",
            "ConnectTimeout 10",
        ]
        outer = [f"HostName {LOOPBACK}", f"Port {self.lab.port}", f"User {self.outer_user}", *self.outer_options]
        outer += _keys(self.lab.client)
        inner = [f"ProxyJump {GATEWAY}", *self.inner_options, *_keys(self.inner or self.lab.client)]
        known = "\n".join(self.lab.client.known_hosts_lines) + "\n"
        text = "".join(
            f"Host {host}\n" + "".join(f"    {line}\n" for line in lines)
            for host, lines in ((GATEWAY, outer), ("*.dw", inner), ("*", both))
        )
        path = self.directory / "jump_config"
        for file, content in ((path, text), (self.directory / "known_hosts", known)):
            if not file.exists() or file.read_text() != content:
                file.write_text(content)
        return path

    def command(self, *arguments: str, host: str = NODE_HOST, login: str | None = None) -> list[str]:
        """The command line for `login@host`."""
        return [SSH, "-F", str(self.config()), f"{login or self.lab.login}@{host}", *arguments]

    async def ssh(
        self, *arguments: str, host: str = NODE_HOST, login: str | None = None, stdin: bytes = b""
    ) -> SshResult:
        """Run it to its end."""
        return await self.run(*self.command(*arguments, host=host, login=login), stdin=stdin)

    async def at_gateway(self, *arguments: str, stdin: bytes = b"") -> SshResult:
        """The outer connection alone."""
        return await self.run(SSH, "-F", str(self.config()), *arguments, stdin=stdin)

    async def run(self, *command: str, stdin: bytes = b"") -> SshResult:
        """Run any command to its end."""
        process = await self.lab.start(*command)
        try:
            async with asyncio.timeout(RUN_SECONDS_MAX):
                out, err = await process.communicate(stdin)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return SshResult(process.returncode or 0, out, err)


def _keys(client: SshClient) -> Sequence[str]:
    return [f"IdentityFile {client.identity}", f"CertificateFile {client.certificate}"]
