"""Nothing that makes a terminal answer comes out of the filter, however it goes in."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.recordings import cut

from doorward.domain.recording.screen_filter import STRING_CHARACTERS_MAX, ScreenFilter
from doorward.domain.recording.screen_rules import RESTORE

# Written apart from the code's own tables on purpose: what a terminal may get, and nothing else.
SAFE_TOKEN = re.compile(
    rb"[\x20-\x7e]|[\xc2][\xa0-\xbf]|[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
    rb"|[\x08-\x0f]"
    rb"|\x1b[78DEHMc]|\x1b[()*+][0AB]|\x1b#[34568]"
    rb"|\x1b\[[0-9;:]*m"
    rb"|\x1b\[[0-9;]*[@ABCDEFGHIJKLMPSXZ`abdefgrsu]|\x1b\[[0-9]*T"
    rb"|\x1b\[\?[0-9;]*[JK]|\x1b\[[0-9;]*(?:!p| q)"
    rb"|\x1b\[4(?:;4)*[hl]"
    rb"|\x1b\[\?(?:5|6|7|12|25|47|69|1047|1048|1049|2026)(?:;(?:5|6|7|12|25|47|69|1047|1048|1049|2026))*[hl]"
)
_PARTS = [
    b"\x1b", b"\x1b[", b"\x1b]", b"\x1bP", b"\x1b\\", b"\x07", b"\x18", b"\x05", b"\x9b", b"\xc2\x9b", b"\x90", b"\x9c",
    b"?", b">", b"!", b"$", b" ", b";", b":", b"0", b"6", b"52", b"1049", b"2004", b"1000", b"99999", b"c", b"n",
    b"m", b"H", b"h", b"l", b"p", b"q", b"t", b"T", b"x", b"b", b"R", b"Z", b"#8", b"(0", b"%@", b"text",
    "é€😀".encode(), b"\n", b"\x7f",
]  # fmt: skip
HOSTILE = st.lists(st.sampled_from(_PARTS) | st.binary(max_size=3), max_size=30).map(b"".join)


def show(*pieces: bytes) -> bytes:
    screen = ScreenFilter()
    return b"".join(screen.feed(piece) for piece in pieces) + screen.feed(b"", final=True)


def only_safe_tokens(data: bytes) -> bool:
    position = 0
    while position < len(data):
        token = SAFE_TOKEN.match(data, position)
        if token is None or b"\x07" in token.group():
            return False
        position = token.end()
    return True


@given(data=HOSTILE)
def test_only_tokens_of_the_allow_list_come_out(data: bytes) -> None:
    shown = show(data)
    assert only_safe_tokens(shown), shown
    shown.decode("utf-8")


@given(data=HOSTILE, cuts=st.lists(st.integers(0, 200), max_size=8))
def test_cutting_the_input_changes_nothing(data: bytes, cuts: list[int]) -> None:
    assert show(*cut(data, cuts)) == show(data)


@given(data=HOSTILE)
def test_what_was_shown_passes_again_unchanged(data: bytes) -> None:
    shown = show(data)
    assert show(shown) == shown


@given(first=HOSTILE, second=HOSTILE)
def test_two_streams_can_not_make_a_sequence_together(first: bytes, second: bytes) -> None:
    one, other = ScreenFilter(), ScreenFilter()
    assert only_safe_tokens(one.feed(first) + other.feed(second) + one.feed(second))


@pytest.mark.parametrize(
    "query",
    [
        b"\x05",  # answerback
        b"\x1b[c", b"\x1b[0c", b"\x1b[>c", b"\x1b[=c", b"\x1bZ",  # device attributes
        b"\x1b[5n", b"\x1b[6n", b"\x1b[?6n", b"\x1b[?996n",  # status and cursor position
        b"\x1b[?1$p", b"\x1b[4$p",  # mode requests
        b"\x1bP$qm\x1b\\", b"\x1bP+q544e\x1b\\", b"\x1bP=1s\x1b\\",  # DECRQSS, XTGETTCAP, sync
        b"\x1b]52;c;?\x07", b"\x1b]52;c;ZXZpbA==\x1b\\",  # clipboard
        b"\x1b]0;title\x07", b"\x1b[21t", b"\x1b[20t", b"\x1b[18t", b"\x1b[14t", b"\x1b[8;50;100t", b"\x1b[22;0t",
        b"\x1b]4;1;?\x07", b"\x1b]10;?\x07", b"\x1b]11;?\x1b\\", b"\x1b]8;;http://x\x07",
        b"\x1b_G a=q\x1b\\", b"\x1b^private\x1b\\", b"\x1bXsos\x1b\\",  # APC, PM, SOS
        b"\x1b[x", b"\x1b[1x", b"\x1b[1;1;1;1;1;1*y", b'\x1b[61"p',
        b"\x1b[i", b"\x1b[5i", b"\x1b[?5i",  # printing
        b"\x1b[?1000h", b"\x1b[?1003;1006h", b"\x1b[?1004h", b"\x1b[?2004h", b"\x1b[?1h", b"\x1b=", b"\x1b>",
        b"\x1b[>4;2m", b"\x1b[>q", b"\x1b[?u", b"\x1b[>1u", b"\x1b[=1u", b"\x1b[2h", b"\x1b[12l",
        b"\x1b[1;1;5;5;5T", b"\x1b[?1;1;0S", b"\x1b%@", b"\x1b%G", b"\x1b F", b"\x1b G", b"\x1bN", b"\x1bn",
        b"\xc2\x9b6n".replace(b"6n", b""), b"\x7f", b"\x11", b"\x13", b"\x00", b"\x07",
        b"\x1b[100000000b", b"\x1b[" + b"9" * 300 + b"C",
    ],
)  # fmt: skip
def test_what_a_terminal_answers_or_obeys_beyond_its_screen_is_dropped(query: bytes) -> None:
    assert show(b"a" + query + b"b") == b"ab"
    assert show(*(bytes([byte]) for byte in b"a" + query + b"b")) == b"ab"


@pytest.mark.parametrize(
    "sequence",
    [
        b"plain text\r\n", "größe 😀 漢字".encode(), b"\x1b[31;1mred\x1b[m",
        b"\x1b[38:2::10:20:30m", b"\x1b[38;2;1;2;3m",
        b"\x1b[2J\x1b[H", b"\x1b[10;20H", b"\x1b[K", b"\x1b[?25l", b"\x1b[?1049h", b"\x1b[1;24r",
        b"\x1b7\x1b8", b"\x1b(0qqq\x1b(B",
        b"\x1bM", b"\x1b[4h", b"\x1b[!p", b"\x1b[2 q", b"\x1b[3b", b"\x1b[?2026h", b"\x1bc", b"\x08\t", b"\x1b[2T",
    ],
)  # fmt: skip
def test_what_draws_on_the_screen_is_kept(sequence: bytes) -> None:
    assert show(sequence) == sequence


def test_of_several_modes_only_the_allowed_ones_are_kept() -> None:
    assert show(b"\x1b[?25;1000;1049h") == b"\x1b[?25;1049h"


def test_broken_characters_are_shown_as_broken() -> None:
    assert show(b"a\xffb\xe2\x82") == "a\ufffdb\ufffd".encode()


def test_a_string_that_never_ends_does_not_hide_the_rest_for_ever() -> None:
    shown = show(b"\x1b]0;" + b"x" * (STRING_CHARACTERS_MAX + 10))
    assert 0 < len(shown) <= 12


def test_an_escape_ends_a_string_and_begins_a_sequence() -> None:
    assert show(b"\x1b]0;title\x1b[31mred") == b"\x1b[31mred"


def test_the_restoring_sequence_is_itself_harmless() -> None:
    assert show(RESTORE) == RESTORE.lstrip(b"\x18")
