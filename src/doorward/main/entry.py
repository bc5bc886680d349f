"""The operator's command `doorward`: init, serve, join, backup, restore, unlock, migrate."""

import asyncio
import os
import sys
from pathlib import Path

import click

from doorward.base.errors import DoorwardError
from doorward.main.layout import Layout
from doorward.main.role_users import RoleUsers, parse_users_option
from doorward.main.settings import Settings, is_host, load_settings, parse_address
from doorward.main.supervisor import NotReady

DATA = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, readable=False),
    required=True,
    help="The data directory; it belongs to the user who runs Doorward, mode 0700, or is parted by init --users.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="doorward", prog_name="doorward")
def cli() -> None:
    """Run Doorward: just-in-time access to infrastructure."""


@cli.command()
@DATA
@click.option("--name", "names", multiple=True, help="A host name or address under which users come; repeatable.")
@click.option(
    "--listen", default="127.0.0.1:3443", show_default=True, help="Where users connect: SSH and TLS, one port."
)
@click.option(
    "--authority-listen", default="127.0.0.1:3444", show_default=True, help="Where gateways reach the authority."
)
@click.option(
    "--metrics-listen", default="127.0.0.1:3445", show_default=True, help="Where health and metrics are read."
)
@click.option(
    "--gateway-metrics-listen", default="127.0.0.1:3446", show_default=True, help="The same, of the gateway here."
)
@click.option("--kek", default="", help="Where the key-encryption key is: file:/path, env:NAME or credential:NAME.")
@click.option("--store", default="", help="postgresql://USER:PASSWORD@HOST:PORT/DATABASE instead of a file in DIR.")
@click.option("--admin", default="admin", show_default=True, help="The name of the first administrator.")
@click.option("--users", default="", help="As root: signer=NAME,authority=NAME,gateway=NAME, a user for each role.")
@click.option("--new-code", is_flag=True, help="Print another first code, as long as no administrator has signed up.")
def init(  # noqa: PLR0917  (one parameter for each option)
    data: Path,
    names: tuple[str, ...],
    listen: str,
    authority_listen: str,
    metrics_listen: str,
    gateway_metrics_listen: str,
    kek: str,
    store: str,
    admin: str,
    users: str,
    new_code: bool,
) -> None:
    """Make an installation: keys, database and id together; prints the first administrator's code."""
    from doorward.main.init import initialise, new_first_code

    layout = Layout(data.resolve())
    if new_code:
        click.echo(asyncio.run(new_first_code(load_settings(layout.config, layout.root), layout)))
        return
    for name in names:
        if not is_host(name):
            raise click.BadParameter(f"{name!r} is no lower-case host name or address", param_hint="--name")
    settings = Settings(
        names=names or Settings().names,
        listen=parse_address(listen, "--listen"),
        authority_listen=parse_address(authority_listen, "--authority-listen"),
        metrics_listen=parse_address(metrics_listen, "--metrics-listen"),
        gateway_metrics_listen=parse_address(gateway_metrics_listen, "--gateway-metrics-listen"),
        key_encryption_key=kek,
        store=store,
        users=parse_users_option(users) if users else None,
    )
    made = asyncio.run(initialise(settings, layout, admin))
    host = f"{settings.names[0]}:{settings.listen.port}"
    click.echo(f"installation {made.installation_id} is in {layout.root}")
    click.echo(f"CA pin: {made.pin}")
    click.echo("start it:")
    for command in _start_commands(layout, settings.users):
        click.echo(f"  {command}")
    click.echo(f"then sign up as {made.administrator}, within 30 minutes:")
    click.echo(f"  dw login https://{host} --ca-pin {made.pin} --code -")
    click.echo(f"code: {made.code}")


def _start_commands(layout: Layout, users: RoleUsers | None) -> list[str]:
    if users is None:
        return [f"doorward serve --data {layout.root}"]
    data = {"signer": layout.root, "authority": layout.root, "gateway": layout.gateway}
    return [
        f"runuser -u {getattr(users, role)} -- doorward serve --role {role} --data {directory}"
        for role, directory in data.items()
    ]


@cli.command()
@DATA
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="Instead of DIR/doorward.yaml.")
@click.option("--role", type=click.Choice(["signer", "authority", "gateway"]), help="Run one role in this process.")
def serve(data: Path, config: Path | None, role: str | None) -> None:
    """Run signer, authority and gateway as processes; a crashed one is started again."""
    from doorward.signer.process import harden_process

    if role == "signer":
        harden_process()  # before anything else is loaded: until then our environment can be read
    from doorward.main import serve as serving

    layout = Layout(data.resolve())
    if role is None:
        harden_process()  # our environment may hold the key-encryption key, and the gateway is our child
        asyncio.run(serving.run_all(layout, config))
    else:
        serving.run_role_here(role, layout, config)


@cli.command()
@DATA
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False))
def identity(data: Path, config: Path | None) -> None:
    """Make the identity of the gateway beside the authority anew, after a restore or when it has run out.

    `serve` does so by itself; where each role has a user, root does it while none of them runs.
    """
    from doorward.main.handing_over import taken_back
    from doorward.main.installation import checked_installation_id
    from doorward.main.missing_identity import make_identity
    from doorward.main.serve import settings_of

    layout = Layout(data.resolve())
    settings = settings_of(layout, config)
    installation_id = checked_installation_id(layout, settings.users)
    with taken_back(layout, settings):
        asyncio.run(make_identity(settings, layout, installation_id))


@cli.command()
@DATA
@click.option("--authority", required=True, metavar="HOST:PORT", help="The authority's own address (its port 3444).")
@click.option("--ca-pin", "pin", required=True, metavar="sha256:HEX", help="Printed with the token.")
@click.option("--token", required=True, help="From dw tokens add --type gateway; `-` reads it from standard input.")
@click.option("--name", "names", multiple=True, required=True, help="A name of the token's; repeatable.")
@click.option("--listen", default="0.0.0.0:3443", show_default=True, help="Where users connect.")
@click.option(
    "--metrics-listen", default="127.0.0.1:3446", show_default=True, help="Where health and metrics are read."
)
def join(
    *, data: Path, authority: str, pin: str, token: str, names: tuple[str, ...], listen: str, metrics_listen: str
) -> None:
    """Make this host a gateway of an authority elsewhere; then: doorward serve --role gateway."""
    from doorward.main.join import Joining, join_gateway

    layout = Layout(data.resolve())
    said = sys.stdin.readline().strip() if token == "-" else token  # noqa: S105  (a dash is no secret)
    wanted = Joining(
        authority=parse_address(authority, "--authority"),
        pin=pin,
        token=said,
        names=names,
        listen=parse_address(listen, "--listen"),
        metrics_listen=parse_address(metrics_listen, "--metrics-listen"),
    )
    gateway_id = join_gateway(layout, wanted)
    click.echo(f"joined as gateway {gateway_id}; start it:")
    click.echo(f"  doorward serve --role gateway --data {layout.root}")


@cli.command()
@DATA
@click.argument("to", type=click.Path(path_type=Path))
def backup(data: Path, to: Path) -> None:
    """Copy the database and the encrypted keys to a new directory TO, while Doorward runs.

    Not copied: the key-encryption key, which is kept elsewhere; recordings and the secrets of connectors, which are
    files under authority/recordings and authority/secrets; the files that tls names.
    """
    from doorward.main.backup import back_up

    back_up(Layout(data.resolve()), to.resolve())
    click.echo(f"backed up to {to}; the key-encryption key is not in it")


@cli.command()
@DATA
@click.argument("source", type=click.Path(path_type=Path, exists=True, file_okay=False))
def restore(data: Path, source: Path) -> None:
    """Restore a backup into the empty directory --data.

    Whatever was open in it is closed: sessions and sign-ins are over, codes and tokens are spent.
    """
    from doorward.main.backup import restore as restore_from
    from doorward.main.handing_over import hand_over
    from doorward.main.restored import close_what_was_open

    layout = Layout(data.resolve())
    settings = restore_from(layout, source.resolve())
    asyncio.run(close_what_was_open(layout))
    hand_over(layout, settings)
    click.echo(f"restored to {data}; put the key-encryption key to {data}/kek (or as configured) and start it")
    click.echo("recordings, the secrets of connectors and the files of tls are not in a backup: put them back, too")


@cli.command()
@DATA
@click.argument("name")
def unlock(data: Path, name: str) -> None:
    """Remove the lock NAME here on the host, when nobody may over the API; the log says that the operator did."""
    from doorward.main.installation import checked_installation_id
    from doorward.main.unlock import unlock as remove_lock

    layout = Layout(data.resolve())
    settings = load_settings(layout.config, layout.root)
    checked_installation_id(layout, settings.users)
    asyncio.run(remove_lock(settings, layout, name))
    click.echo(f"lock/{name} removed")


@cli.command()
@DATA
def migrate(data: Path) -> None:
    """Bring the database to this version's tables; `serve` does the same at its start."""
    from doorward.main.open_store import open_store

    layout = Layout(data.resolve())
    settings = load_settings(layout.config, layout.root)

    async def run() -> None:
        store = await open_store(settings, layout)
        await store.close()

    asyncio.run(run())
    click.echo("the database has this version's tables")


def _run() -> None:
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Abort:
        sys.exit(130)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("doorward"):
            raise
        click.echo(f"doorward: {error.name} is not installed; a server needs pip install 'doorward[server]'", err=True)
        sys.exit(1)


def main() -> None:
    """Run the command; errors are one line."""
    os.umask(0o077)
    told: list[str] = []
    try:
        _run()
    except* (DoorwardError, NotReady, OSError) as group:
        told = _lines(group)
    # Not in there: an early Python 3.11, as Debian 12 has it, wraps the exit into a group and prints all of it.
    if told:
        for text in dict.fromkeys(told):
            click.echo(f"doorward: {text}", err=True)
        sys.exit(1)


def _lines(error: BaseException) -> list[str]:
    if isinstance(error, BaseExceptionGroup):
        return [line for one in error.exceptions for line in _lines(one)]
    return [error.message if isinstance(error, DoorwardError) else str(error)]


if __name__ == "__main__":
    main()
