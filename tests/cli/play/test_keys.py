"""Keys are recognised however their bytes arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.recordings import cut

from doorward.cli.play.keys import Key, KeyReader


def keys(*pieces: bytes) -> list[Key]:
    reader = KeyReader()
    return [key for piece in pieces for key in reader.feed(piece)]


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b" ", Key.PAUSE),
        (b"\x1b[D", Key.BACK),
        (b"\x1bOC", Key.FORWARD),
        (b"+", Key.FASTER),
        (b"-", Key.SLOWER),
        (b"q", Key.QUIT),
        (b"\x03", Key.QUIT),
    ],
)
def test_each_key_is_known(data: bytes, key: Key) -> None:
    assert keys(data) == [key]


def test_an_arrow_in_pieces_is_one_key() -> None:
    assert keys(b"\x1b", b"[", b"C", b"q") == [Key.FORWARD, Key.QUIT]


def test_unknown_keys_and_answers_are_ignored() -> None:
    assert keys(b"x\x1b[1;5A\x1b[?1;2cqz") == [Key.QUIT]


@given(data=st.binary(max_size=60), cuts=st.lists(st.integers(0, 60), max_size=6))
def test_cutting_changes_nothing(data: bytes, cuts: list[int]) -> None:
    assert keys(*cut(data, cuts)) == keys(data) or len(data) > 32
