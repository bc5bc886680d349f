"""Which command lines count as copies of files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.gateway.relays.commands import COPY_PROGRAMS, RUNNERS, copies_files


@pytest.mark.parametrize(
    "command",
    [
        b"scp -t .",
        b"  scp -f x",
        b"/usr/bin/scp -t .",
        b"'scp' -t .",
        b'"/usr/bin/scp" -t .',
        b"\\scp -t .",
        b"s'c'p -t .",
        b"rsync --server -vlogDtpre.iLsfxCIvu . x",
        b"sudo rsync --server . x",
        b"sudo -n /usr/bin/rsync --server . x",
        b"env LANG=C scp -t .",
        b"LANG=C LC_ALL=C scp -t .",
        b"exec scp -t .",
        b"cd /tmp && scp -t .",
        b"cd /tmp;scp -t .",
        b"true|scp -f x",
        b"(scp -f x)",
        b"$(scp -f x)",
        b"`scp -f x`",
        b"id\nscp -f x",
        b"/usr/lib/openssh/sftp-server -e",
        b"{ internal-sftp; }",
    ],
)
def test_copies_are_seen(command: bytes) -> None:
    assert copies_files(command)


@pytest.mark.parametrize(
    "command",
    [b"", b"   ", b"id", b"cat scp", b"ls /usr/bin/scp", b"scpx", b"echo rsync", b"git-upload-pack 'x'", b"env"],
)
def test_other_commands_are_not(command: bytes) -> None:
    assert not copies_files(command)


@given(command=st.binary(max_size=200))
def test_any_bytes_have_an_answer(command: bytes) -> None:
    assert copies_files(command) in (True, False)


@given(runners=st.lists(st.sampled_from(sorted(RUNNERS)), max_size=5), program=st.sampled_from(sorted(COPY_PROGRAMS)))
def test_runners_before_a_copy_do_not_hide_it(runners: list[bytes], program: bytes) -> None:
    assert copies_files(b" ".join([*runners, program, b"x"]))
