"""`dw version`."""

from importlib.metadata import version as installed_version

import click


@click.command(short_help="Print the version.")
def version() -> None:
    """Print the version."""
    click.echo(f"dw {installed_version('doorward')}")
