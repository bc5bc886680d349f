"""A recording on its way from the authority to a reader: kept in a file that has no name, read frame by frame."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, cast

from doorward.api.calls import RECORDING_CONTENT
from doorward.cli.connection import authority
from doorward.domain.recording.frames import Frame
from doorward.domain.recording.reader import ContainerReader, NeedData

CHUNK_BYTES: Final = 65_536


@contextmanager
def downloaded(session_id: str, *, purpose: str) -> Iterator[BinaryIO]:
    """The whole container at its beginning; `purpose` is `play` or `export` and stands in the audit log."""
    with tempfile.TemporaryFile() as unnamed:
        file = cast("BinaryIO", unnamed)
        with (
            authority() as client,
            client.content(RECORDING_CONTENT, places={"session_id": session_id}, query={"purpose": purpose}) as chunks,
        ):
            for chunk in chunks:
                file.write(chunk)
        file.seek(0)
        yield file


def frames(file: BinaryIO) -> Iterator[Frame]:
    """The frames of a container, from its first; a torn end ends it, anything else wrong is `CorruptRecording`."""
    file.seek(0)
    reader = ContainerReader()
    while chunk := file.read(CHUNK_BYTES):
        reader.receive(chunk)
        while not isinstance(event := reader.next_event(), NeedData):
            yield event
