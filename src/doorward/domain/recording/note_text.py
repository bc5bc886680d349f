"""A recording's note as one line for people: what happened to which file, how much, with what result.

Names come from whoever made the files, so they are escaped: a replay shows this on a terminal.
"""

from doorward.base.terminal_text import for_terminal
from doorward.domain.recording.frames import Note


def note_text(note: Note) -> str:
    """One line, safe for a terminal."""
    words = [note.event, _path(note.path)]
    if note.new_path:
        words += ["->", _path(note.new_path)]
    if note.size:
        words.append(f"{note.size} bytes")
    words += [note.result, f"({note.detail})" if note.detail else ""]
    if note.sha256:
        words.append(f"sha256 {note.sha256.hex()}")
    return for_terminal(" ".join(word for word in words if word))


def _path(path: bytes) -> str:
    return path.decode(errors="backslashreplace")
