"""`dw apply`, `dw get`, `dw rm`: what is declared in YAML, every kind alike."""

import click

from doorward.api.calls import DELETE_RESOURCE, GET_RESOURCE, LIST_RESOURCES
from doorward.base.errors import Invalid
from doorward.cli import shown
from doorward.cli.connection import authority
from doorward.cli.declared import apply_files, print_changes, print_resources
from doorward.cli.source_files import read_sources


@click.command(short_help="Create or change what YAML files declare.")
@click.option(
    "-f", "--file", "paths", multiple=True, required=True, metavar="FILE|-|DIR", help="What to apply; may be repeated."
)
@click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
@click.option("--overwrite", is_flag=True, help="Change what is there without naming the revision that was read.")
@shown.output_option("table", "json")
def apply(paths: tuple[str, ...], dry_run: bool, overwrite: bool, output: str, as_json: bool) -> None:
    """Create or change what the files declare: all of it, or nothing when anything is wrong.

    A file that changes something names the revision that it changes, as dw get prints it (metadata.revision). Without
    one it creates, or finds that nothing is to be changed.

    Of a directory the files *.yaml and *.yml count, in order of their names. What is wrong is printed as
    FILE:LINE: FIELD: MESSAGE.
    """
    sources = read_sources(paths)
    with authority() as client:
        applied = apply_files(client, sources, dry_run=dry_run, overwrite=overwrite)
    if as_json or output == "json":
        shown.as_json(applied)
    else:
        print_changes(applied, dry_run=dry_run)


@click.command(short_help="Show what is declared.")
@click.argument("what", metavar="KIND[/NAME]")
@shown.output_option("yaml", "json", "table")
def get(what: str, output: str, as_json: bool) -> None:
    """Show one declared thing, or all of a kind. What -o yaml prints can be applied again as it is."""
    kind, slash, name = what.partition("/")
    if slash and not name:
        raise Invalid("reading what to show: KIND or KIND/NAME is expected")
    with authority() as client:
        if name:
            views = [client.call(GET_RESOURCE, places={"kind": kind, "name": name})]
        else:
            views = client.call(LIST_RESOURCES, places={"kind": kind}).items
    print_resources(views, "json" if as_json else output, single=bool(name))


@click.command(short_help="Remove something declared.")
@click.argument("what", metavar="KIND/NAME")
def rm(what: str) -> None:
    """Remove one declared thing, unless it changed while we looked."""
    kind, _, name = what.partition("/")
    if not kind or not name:
        raise Invalid("reading what to remove: KIND/NAME is expected")
    remove_resource(kind, name)


def remove_resource(kind: str, name: str) -> None:
    """Remove the revision that is there now."""
    with authority() as client:
        places = {"kind": kind, "name": name}
        seen = client.call(GET_RESOURCE, places=places)
        change = client.call(DELETE_RESOURCE, places=places, query={"revision": str(seen.revision)})
    shown.line(f"{change.kind}/{change.name} {change.action}")
