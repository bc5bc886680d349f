"""An authority that answers by script, and `dw` with a home of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.command_line import CommandLine
from tests.support.stub_authority import StubAuthority


@pytest.fixture
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StubAuthority]:
    """A running stub, stopped afterwards."""
    with StubAuthority(tmp_path_factory.mktemp("stub")) as running:
        yield running


@pytest.fixture
def dw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """`dw`, signed in nowhere."""
    return CommandLine(tmp_path / "home", monkeypatch, capsys)


@pytest.fixture
def alice(dw: CommandLine, stub: StubAuthority) -> CommandLine:
    """`dw`, signed in at the stub."""
    done = dw.login(stub)
    assert done.exit_code == 0, done.err
    return dw
