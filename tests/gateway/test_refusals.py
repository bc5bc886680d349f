"""Refusals: the first in full, then samples, then a number that is exact."""

from hypothesis import given
from hypothesis import strategies as st

from doorward.api.bodies.gateway_calls import Note
from doorward.domain.audit.catalogue import reportable_by_gateway
from doorward.gateway.refusals import COUNTED_EACH_SECONDS, NOTED_FIRST_MAX, SAMPLE_SECONDS, Refusals

SFTP = Note("sftp.operation", {"operation": "open", "result": "refused"})
FORWARD = Note("forward.refused", {"kind": "local_forward", "reason": "no"})
CHANNEL = Note("channel.refused", {"kind": "x11", "reason": "no"})


def test_the_first_are_noted_then_one_each_few_seconds_and_all_others_counted() -> None:
    refusals = Refusals(0.0)
    noted = [refusals.is_noted(SFTP, 0.0) for _ in range(NOTED_FIRST_MAX + 5)]
    assert noted == [True] * NOTED_FIRST_MAX + [False] * 5
    assert [refusals.is_noted(SFTP, SAMPLE_SECONDS) for _ in range(3)] == [True, False, False]
    assert refusals.unnoted == 7


def test_the_count_says_of_what_and_comes_once_a_minute_and_at_the_end() -> None:
    refusals = Refusals(0.0)
    for _ in range(NOTED_FIRST_MAX):
        refusals.is_noted(SFTP, 0.0)
    for one in (SFTP, SFTP, FORWARD, CHANNEL):
        refusals.is_noted(one, 1.0)
    assert refusals.count(COUNTED_EACH_SECONDS - 0.1) is None
    counted = refusals.count(COUNTED_EACH_SECONDS)
    assert counted == Note("refusals.counted", {"count": 4, "sftp": 2, "forwards": 1, "channels": 1})
    assert refusals.count(COUNTED_EACH_SECONDS * 9) is None  # there was none since
    for _ in range(NOTED_FIRST_MAX):
        refusals.is_noted(CHANNEL, COUNTED_EACH_SECONDS)
    last = refusals.count(COUNTED_EACH_SECONDS + 1, is_last=True)
    assert last is not None
    assert refusals.count(COUNTED_EACH_SECONDS + 2, is_last=True) is None
    known = reportable_by_gateway(last.type)
    assert all(known.field(name) is not None for name in last.fields)


@given(st.lists(st.floats(min_value=0, max_value=100), max_size=300))
def test_noted_and_counted_together_are_all_and_noted_are_few(waits: list[float]) -> None:
    refusals, now, noted, counted = Refusals(0.0), 0.0, 0, 0
    for wait in waits:
        now += wait
        noted += refusals.is_noted(SFTP, now)
        if told := refusals.count(now):
            counted += told.fields["count"]
    if told := refusals.count(now, is_last=True):
        counted += told.fields["count"]
    assert noted + counted == len(waits)
    assert counted == refusals.unnoted
    assert noted <= NOTED_FIRST_MAX + now / SAMPLE_SECONDS + 1
