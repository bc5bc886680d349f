"""How values that SQL does not know lie in columns, the same way on both engines."""

import json
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Dialect, Text, TypeDecorator

from doorward.base.clock import from_micros, to_micros

_SIGN: Final = 1 << 63
_WRAP: Final = 1 << 64


class Moment(TypeDecorator[datetime]):
    """A time as integer microseconds since 1970 UTC: zones and fractions can not get lost on the way."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_micros(value)


class JsonText(TypeDecorator[Any]):
    """A JSON value as text; we never ask the database to look inside."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


class Serial(TypeDecorator[int]):
    """An unsigned 64-bit certificate serial in a signed 64-bit column, by two's complement."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if not 0 <= value < _WRAP:
            raise ValueError("a serial has 64 bits")
        return value - _WRAP if value >= _SIGN else value

    def process_result_value(self, value: int | None, dialect: Dialect) -> int | None:
        return value + _WRAP if value is not None and value < 0 else value
