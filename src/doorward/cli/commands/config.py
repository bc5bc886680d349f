"""`dw config ssh`, and the faces of `dw ssh` and `dw proxy ssh`."""

import os
import shlex

import click

from doorward.base.clock import SystemClock
from doorward.cli import shown
from doorward.cli.keep import Keep
from doorward.cli.profile import Profile, live_profile
from doorward.cli.sign_in_files import gateway_address, proven_name
from doorward.cli.ssh_proxy import run as run_proxy
from doorward.cli.ssh_start import home_directory, run, ssh_options, trust_options


@click.group(short_help="Print configuration for other programs.")
def config() -> None:
    """Print configuration for other programs."""


@config.command("ssh", short_help="Print a block for ssh_config.")
@click.option("--jump", is_flag=True, help="Reach nodes by ProxyJump; then ssh needs no dw to connect.")
def config_ssh(*, jump: bool) -> None:
    """Print the block of ssh_config after which `ssh LOGIN@NODE.dw` works, host key checking on.

    So do scp, sftp, rsync, git and Ansible, and `ssh LOGIN@NODE@GATEWAY`. Put it at the beginning of ~/.ssh/config: of
    each option the first value holds.
    """
    keep = Keep.of_user()
    profile = live_profile(keep, SystemClock().now())
    shown.block(ssh_config_text(str(keep.directory), profile, jump=jump))


def ssh_config_text(home: str, profile: Profile, *, jump: bool) -> str:
    """A block for the nodes, and one for each gateway and port on which it listens."""
    lines = [
        f"# Doorward: ssh LOGIN@NODE.{profile.node_suffix}",
        f'Host *.{profile.node_suffix} "!*\'*"',
        f"    {_way(profile, jump=jump)}",
    ]
    lines.extend(f"    {name} {value}" for name, value in [("Port", "22"), *trust_options(home)])
    lines.append(f"# Doorward: ssh LOGIN@NODE@{profile.gateway_host}")
    for (proven, port), hosts in _gateways(profile).items():
        lines.append(f"Host {' '.join(hosts)}")
        lines.extend(f"    {name} {value}" for name, value in ssh_options(home, port, proven))
    return "\n".join(lines) + "\n"


def _way(profile: Profile, *, jump: bool) -> str:
    host, port = profile.gateway_host, profile.gateway_port
    if jump:
        # Any bare name: that of the local account would name a node if it had an @, as in some directories.
        return f"ProxyJump jump@{f'[{host}]' if ':' in host else host}:{port}"
    chosen = os.environ.get("DOORWARD_HOME", "")
    here = f"env DOORWARD_HOME={shlex.quote(home_directory()).replace('%', '%%')} " if chosen else ""
    # Never the user's name, and the host in quotes that it can not leave (see `Host`): before OpenSSH 9.6 ssh does not
    # look at what a repository's address, say, has put into either.
    return f"ProxyCommand {here}dw proxy ssh '%h'"


def _gateways(profile: Profile) -> dict[tuple[str, int], list[str]]:
    """(the name that a gateway proves, port) -> the hosts under which it is reached there."""
    here = profile.gateway_host, profile.gateway_port
    named = [gateway_address(name, profile.gateway_port) for names in profile.gateways for name in names]
    found: dict[tuple[str, int], list[str]] = {}
    for host, port in dict.fromkeys([here, *named]):
        found.setdefault((proven_name(profile, host), port), []).append(host)
    return found


@click.group(short_help="Carry another program's connection to the gateway.")
def proxy() -> None:
    """Carry another program's connection to the gateway."""


@proxy.command("ssh", short_help="Be the ProxyCommand of ssh.")
@click.argument("node")
def proxy_ssh(node: str) -> int:
    """Carry standard input and output to NODE, as `ProxyCommand dw proxy ssh %h` in the block of `dw config ssh`."""
    return run_proxy([node])


@click.command(
    short_help="Open a session on a node with the stock ssh.", context_settings={"ignore_unknown_options": True}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[SSH OPTIONS] LOGIN@NODE [COMMAND...]")
def ssh(arguments: tuple[str, ...]) -> int:
    """Open a session on NODE as LOGIN, with the ssh of this machine and all of its options, but -l, -p and -J."""
    return run([*arguments])
