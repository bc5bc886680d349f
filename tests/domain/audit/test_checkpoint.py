"""Checkpoint bodies read back, and nothing else is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.domain.audit.checkpoint import BadCheckpoint, Checkpoint, parse_checkpoint
from doorward.domain.audit.merkle import SIZE_MAX

checkpoints = st.builds(
    Checkpoint,
    st.from_regex(r"[a-z0-9./-]{1,40}", fullmatch=True),
    st.integers(0, SIZE_MAX),
    st.binary(min_size=32, max_size=32),
)


def test_the_body_is_written_as_c2sp_says() -> None:
    body = Checkpoint("doorward.example/log", 7, bytes(32)).to_bytes()
    assert body == b"doorward.example/log\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"


@given(checkpoints)
def test_a_checkpoint_reads_back(checkpoint: Checkpoint) -> None:
    assert parse_checkpoint(checkpoint.to_bytes()) == checkpoint


@given(checkpoints, st.data())
def test_a_prefix_is_no_checkpoint(checkpoint: Checkpoint, data: st.DataObject) -> None:
    body = checkpoint.to_bytes()
    with pytest.raises(BadCheckpoint):
        parse_checkpoint(body[: data.draw(st.integers(0, len(body) - 1))])


@given(st.binary(max_size=80))
def test_noise_is_refused_in_one_way(noise: bytes) -> None:
    with pytest.raises(BadCheckpoint):
        parse_checkpoint(noise)


@pytest.mark.parametrize(
    "body",
    [
        b"o\n07\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        b"o\n-1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        b"o\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n",
        b"o\n7\nAAAA\n",
        b"o\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nmore\n",
        b"o o\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        b"a+b\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    ],
)
def test_another_way_to_write_it_is_refused(body: bytes) -> None:
    with pytest.raises(BadCheckpoint):
        parse_checkpoint(body)
