"""An authority that begins to serve says so in the log."""

import pytest
from tests.support.authority_lab import open_lab

from doorward.base.errors import Unavailable
from doorward.main.authority_role import note_start


async def test_start_is_an_event_with_version_and_engine() -> None:
    async with open_lab() as lab:
        await note_start(lab.services, "sqlite")
        (event,) = await lab.events("authority.started")
    assert event.fields["engine"] == "sqlite"
    assert event.fields["version"]


async def test_store_that_takes_nothing_now_does_not_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(_: object) -> None:
        raise Unavailable("writing: the disk is full")

    async with open_lab() as lab:
        monkeypatch.setattr(lab.store, "write", full)
        await note_start(lab.services, "sqlite")
        assert await lab.events("authority.started") == []
