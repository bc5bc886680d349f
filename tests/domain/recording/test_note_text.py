"""Notes as lines for people."""

from hypothesis import given
from hypothesis import strategies as st

from doorward.base.terminal_text import for_terminal
from doorward.domain.recording.frames import Note
from doorward.domain.recording.note_text import note_text


def test_a_note_says_what_happened_to_which_file() -> None:
    note = Note("sftp.write", path=b"/srv/a b", size=7, sha256=b"\xab\xcd", result="ok", detail="from byte 3")
    assert note_text(note) == "sftp.write /srv/a b 7 bytes ok (from byte 3) sha256 abcd"
    assert note_text(Note("sftp.rename", path=b"/a", new_path=b"/b", result="ok")) == "sftp.rename /a -> /b ok"
    assert note_text(Note("joined")) == "joined"


@given(path=st.binary(max_size=40), result=st.text(max_size=20))
def test_whatever_stands_in_a_name_a_terminal_is_not_told_anything(path: bytes, result: str) -> None:
    text = note_text(Note("sftp.remove", path=path, result=result))
    assert for_terminal(text) == text
    assert text.isprintable() or " " in text
