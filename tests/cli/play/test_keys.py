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


@pytest.mark.parametrize("broken", [b"\x1b[\x01", b"\x1b[1;\x1b[", b"\x1bO\x02", b"\x1bO1", b"\x1b[" + b"1" * 80])
def test_a_sequence_that_breaks_off_takes_no_key_with_it(broken: bytes) -> None:
    assert keys(broken + b"\x1b[C" + b"q")[-1:] == [Key.QUIT]


# Noise alone hardly ever holds a key: these pieces make keys, what breaks them off, and what is too long for one.
typed = st.lists(
    st.sampled_from(
        [b" ", b"q", b"+", b"C", b"\x1b", b"\x1b[", b"\x1bO", b"\x1b[C", b"\x1bOD", b"1;", b"1" * 40, b"\x01"]
    )
    | st.binary(max_size=3),
    max_size=12,
).map(b"".join)


@given(data=typed, cuts=st.lists(st.integers(0, 200), max_size=6))
def test_cutting_changes_nothing(data: bytes, cuts: list[int]) -> None:
    assert keys(*cut(data, cuts)) == keys(data)
    assert keys(*(data[place : place + 1] for place in range(len(data)))) == keys(data)
