"""`dw recordings` and `dw play`: what was recorded, seen again or taken out. Each viewing is an audit event."""

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

import click

from doorward.api.calls import LIST_RECORDINGS
from doorward.base.duration import parse_duration
from doorward.base.errors import Refused
from doorward.cli import shown
from doorward.cli.connection import authority
from doorward.cli.exits import say
from doorward.cli.recording_download import downloaded, frames, verified
from doorward.domain.recording.asciicast import asciicast
from doorward.domain.recording.proof import PROOF_BYTES_MAX, NotProven, Proof
from doorward.domain.recording.timeline import Pace
from doorward.domain.recording.timeline import shown as beats

STANDARD_INPUT: Final = 0


@click.group(short_help="List and export recordings.")
def recordings() -> None:
    """List and export recordings."""


@recordings.command("ls", short_help="List recordings, newest first.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@shown.output_option("table", "json")
def list_recordings(limit: int, output: str, as_json: bool) -> None:
    """List recordings, newest first."""
    with authority() as client:
        items = client.call(LIST_RECORDINGS, query={"limit": str(limit)}).items
    if as_json or output == "json":
        shown.as_json(items)
        return
    rows = [
        (
            each.session_id,
            each.user_name,
            f"{each.login}@{each.node_name}",
            shown.moment(each.started),
            str(each.size_bytes),
            "sealed" if each.sealed else "open",
        )
        for each in items
    ]
    shown.table(("SESSION", "USER", "TARGET", "STARTED", "BYTES", "STATE"), rows)


@recordings.command("export", short_help="Write a recording to a file.")
@click.argument("session_id", metavar="SESSION")
@click.option(
    "--format",
    "form",
    type=click.Choice(["asciicast", "container"]),
    default="asciicast",
    show_default=True,
    help="Which form.",
)
@click.option("--stream", type=click.IntRange(min=1), default=1, show_default=True, help="Which stream of the session.")
@click.option("--with-input", is_flag=True, help="With what was typed, if that was recorded.")
@click.option(
    "-O", "--output-file", type=click.Path(dir_okay=False, path_type=Path), help="Instead of standard output."
)
def export(session_id: str, form: str, stream: int, with_input: bool, output_file: Path | None) -> None:
    """Write a recording as asciicast v3 (one stream of it), or as the container (all of it).

    Beside a container FILE stands FILE.proof: its manifest and the installation's signature, for dw recordings verify.
    """
    if output_file is None and form == "container" and sys.stdout.isatty():
        raise Refused("exporting: a container is binary and does not go to a terminal; use -O FILE")
    with downloaded(session_id, purpose="export") as download:
        container, proof = download.container, download.proof
        is_cast = form == "asciicast"
        lines = asciicast(frames(container), stream, with_input=with_input) if is_cast else None
        if output_file is None:
            _copy(lines, container, sys.stdout.buffer)
            return
        _write_new(output_file, lines, container)
        if proof is not None and not is_cast:
            _write_new(_proof_file(output_file), [proof.dump()], container)


@recordings.command("verify", short_help="Check an exported recording, without the authority.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", "keys", multiple=True, metavar="HEX", help="A manifest key of the installation; repeatable.")
def verify(file: Path, keys: tuple[str, ...]) -> None:
    """Check the container FILE and FILE.proof against the installation's key.

    Without --key against the keys that came with the last recording that was played or exported here.
    """
    try:
        proof = Proof.parse(_proof_file(file).read_bytes()[:PROOF_BYTES_MAX])
    except FileNotFoundError as error:
        raise NotProven(f"verifying: {_proof_file(file)} is missing") from error
    with file.open("rb") as container:
        manifest = verified(container, proof, keys)
    click.echo(f"session {manifest.session_id}: sealed as it is here, {manifest.size_bytes} bytes")
    click.echo(f"recorded at {manifest.level_achieved} of {manifest.level_asked}, ended: {manifest.end_reason}")


def _proof_file(container: Path) -> Path:
    return container.with_name(container.name + ".proof")


@click.command(short_help="Replay the recording of a session.")
@click.argument("session_id", metavar="SESSION")
@click.option("--speed", type=click.FloatRange(0.25, 64), default=1.0, show_default=True, help="Times as fast.")
@click.option("--idle", default="2s", show_default=True, metavar="DURATION", help="Shorten pauses to this; 0: not.")
@click.option("--from", "start", default="0s", metavar="DURATION", help="Start there.")
@click.option("--stream", type=click.IntRange(min=1), help="Only this stream of the session.")
@click.option("--no-wait", is_flag=True, help="Write everything at once.")
def play(*, session_id: str, speed: float, idle: str, start: str, stream: int | None, no_wait: bool) -> None:
    """Replay a session in this terminal; nothing in it can make the terminal answer.

    Space pauses, left and right go five seconds back and forth, + and - change the speed, q quits.
    """
    from doorward.cli.play.terminal import play as replay

    pace = Pace(speed, parse_duration(idle).total_seconds() or None)
    start_seconds = parse_duration(start).total_seconds()
    with downloaded(session_id, purpose="play") as download:
        if stream is None and next(iter(beats(frames(download.container))), None) is None:
            say("nothing to play: no shell or command ran in this session")
            return
        replay(
            lambda: frames(download.container),
            pace=pace,
            start_seconds=start_seconds,
            stream=stream,
            wait=not no_wait,
            source=STANDARD_INPUT,
        )


def _write_new(path: Path, lines: Iterable[bytes] | None, container: BinaryIO) -> None:
    """A file for its owner's eyes, whole or not at all; an existing one stays as it is."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _copy(lines, container, file)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _copy(lines: Iterable[bytes] | None, container: BinaryIO, to: BinaryIO) -> None:
    if lines is None:
        shutil.copyfileobj(container, to)
    else:
        to.writelines(lines)
    to.flush()
