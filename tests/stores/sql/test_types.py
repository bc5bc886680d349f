"""Values come back from columns as they were."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite
from tests.support.audit_events import values

from doorward.base.clock import EPOCH
from doorward.stores.sql.types import JsonText, Moment, Serial

DIALECT = sqlite.dialect()


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_reads_back_with_its_zone_and_microseconds(moment: datetime) -> None:
    stored = Moment().process_bind_param(moment, DIALECT)
    assert isinstance(stored, int)
    read = Moment().process_result_value(stored, DIALECT)
    assert read == moment
    assert read.tzinfo is UTC


def test_a_moment_elsewhere_is_the_same_moment() -> None:
    there = EPOCH.astimezone(timezone(timedelta(hours=9)))
    assert Moment().process_bind_param(there, DIALECT) == 0
    with pytest.raises(ValueError):
        Moment().process_bind_param(datetime(2026, 1, 1), DIALECT)


@given(st.integers(0, 2**64 - 1))
def test_a_serial_of_64_bits_fits_a_signed_column(serial: int) -> None:
    stored = Serial().process_bind_param(serial, DIALECT)
    assert stored is not None
    assert -(2**63) <= stored < 2**63
    assert Serial().process_result_value(stored, DIALECT) == serial


@pytest.mark.parametrize("serial", [-1, 2**64])
def test_a_longer_serial_is_refused(serial: int) -> None:
    with pytest.raises(ValueError):
        Serial().process_bind_param(serial, DIALECT)


@given(values)
def test_a_json_value_reads_back(value: object) -> None:
    stored = JsonText().process_bind_param(value, DIALECT)
    assert JsonText().process_result_value(stored, DIALECT) == value
    assert stored is None or "\x00" not in stored  # which PostgreSQL does not store
