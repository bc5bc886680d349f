"""What crosses a process boundary is read strictly: no field that is not known, no text beyond its limit."""

import importlib
import pkgutil
from collections.abc import Iterator

import msgspec
import pytest

from doorward.api import bodies
from doorward.api.bodies.resources import TEXT_MAX, Apply, SourceFile
from doorward.api.bodies.sign_ins import SignInWithPassword


def structs() -> Iterator[type[msgspec.Struct]]:
    """Every body of every module."""
    for module in pkgutil.iter_modules(bodies.__path__):
        for value in vars(importlib.import_module(f"{bodies.__name__}.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, msgspec.Struct) and value is not msgspec.Struct:
                yield value


BODIES = {body.__name__: body for body in structs()}


@pytest.mark.parametrize("name", sorted(BODIES))
def test_bodies_are_frozen_and_refuse_unknown_fields(name: str) -> None:
    body = BODIES[name]
    assert body.__struct_config__.frozen
    assert body.__struct_config__.forbid_unknown_fields


@pytest.mark.parametrize(
    ("field", "length"), [("user_name", 65), ("password", 257), ("totp_code", 17), ("client", 256)]
)
def test_what_a_stranger_sends_has_limits(field: str, length: int) -> None:
    said = {
        "user_name": "alice",
        "password": "p",
        "totp_code": "1",
        "keys": {"ssh_public_key": "s", "x509_request_pem": "x"},
    }
    assert msgspec.convert(said, SignInWithPassword).user_name == "alice"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**said, field: "x" * length}, SignInWithPassword)


def test_applying_has_limits() -> None:
    file = {"name": "f", "text": "t"}
    assert msgspec.convert({"files": [file]}, Apply).files == [SourceFile("f", "t")]
    for files in ([], [file] * 257, [{"name": "f", "text": "x" * (TEXT_MAX + 1)}], [{"name": "n" * 1025, "text": ""}]):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"files": files}, Apply)
