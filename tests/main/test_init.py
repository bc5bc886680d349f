"""`doorward init`: everything together in an empty directory, or nothing at all."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from tests.support.installation import temporary_folder

from doorward.base.clock import SystemClock
from doorward.base.entropy import SystemEntropy
from doorward.base.errors import DoorwardError
from doorward.base.ids import UserId
from doorward.domain.audit.log import LogQuery
from doorward.domain.identity.factors import Password
from doorward.domain.identity.invitation import InvitationPurpose, hash_code
from doorward.main.init import AdministratorExists, AlreadyInitialised, Initialised, initialise, new_first_code
from doorward.main.installation import read_installation_id
from doorward.main.layout import Layout
from doorward.main.open_store import open_store
from doorward.main.settings import Settings, load_settings
from doorward.stores.keys.kek import create_kek_file
from doorward.stores.sql.store import SqlStore


@pytest.fixture
def layout() -> Iterator[Layout]:
    """An empty place; `init` sets the umask of its process, which is ours here."""
    before = os.umask(0o022)
    folder = temporary_folder()
    yield Layout(folder / "data")
    os.umask(before)
    shutil.rmtree(folder)


@asynccontextmanager
async def opened(layout: Layout) -> AsyncIterator[SqlStore]:
    store = await open_store(Settings(), layout)
    yield store
    await store.close()


async def made(layout: Layout) -> Initialised:
    return await initialise(Settings(), layout, "Admin")


async def test_makes_keys_database_and_id_that_belong_together(layout: Layout) -> None:
    found = await made(layout)
    assert read_installation_id(layout) == found.installation_id
    async with opened(layout) as store:
        await store.check_installation(found.installation_id)
    assert found.administrator == "admin"
    assert load_settings(layout.config, layout.root) == Settings()


async def test_everything_is_ours_alone(layout: Layout) -> None:
    await made(layout)
    for path in [layout.root, *layout.root.rglob("*")]:
        mode = path.stat().st_mode & 0o777
        assert mode & 0o077 == 0, path
        assert mode & 0o700 == (0o700 if path.is_dir() else mode & 0o600), path


async def test_code_is_for_the_first_administrator_and_lives_half_an_hour(layout: Layout) -> None:
    found = await made(layout)
    async with opened(layout) as store:
        invitation = await store.read(lambda tx: tx.invitations.by_code_hash(hash_code(found.code)))
    assert invitation is not None
    assert invitation.purpose is InvitationPurpose.FIRST_ADMIN
    assert timedelta(minutes=29) < invitation.expires - SystemClock().now() <= timedelta(minutes=30)


async def test_log_begins_with_the_installation(layout: Layout) -> None:
    found = await made(layout)
    async with opened(layout) as store:
        entries = list(reversed(await store.search_log(LogQuery())))
        assert (await store.verify_log()).is_sound
    assert entries[0].type == "installation.created"
    assert entries[0].fields["installation"] == found.installation_id
    assert {one.type for one in entries} >= {"resource.created", "gateway.joined", "admin.code_issued"}


async def test_code_and_keys_are_nowhere_in_plain(layout: Layout) -> None:
    found = await made(layout)
    kek = layout.key_encryption_key.read_bytes().strip()
    for path in layout.root.rglob("*"):
        if path.is_file() and path != layout.key_encryption_key:
            content = path.read_bytes()
            assert found.code.encode() not in content
            assert kek not in content
    for path in layout.keys.iterdir():
        assert b"PRIVATE KEY" not in path.read_bytes()


async def test_directory_that_is_not_empty_is_left_as_it_is(layout: Layout) -> None:
    layout.root.mkdir(mode=0o700)
    (layout.root / "notes").write_text("mine")
    with pytest.raises(AlreadyInitialised):
        await made(layout)
    assert [path.name for path in layout.root.iterdir()] == ["notes"]


async def test_second_init_changes_nothing(layout: Layout) -> None:
    await made(layout)
    before = {path: path.read_bytes() for path in layout.root.rglob("*") if path.is_file()}
    with pytest.raises(AlreadyInitialised):
        await made(layout)
    assert {path: path.read_bytes() for path in layout.root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "broken",
    [
        "doorward.main.init.create_keys",
        "doorward.main.init.open_store",
        "doorward.main.own_signer.run_signer",
        "doorward.main.init.issue_identity",
        "doorward.main.init._found",
    ],
)
async def test_failure_leaves_nothing_half_made(layout: Layout, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(broken, fail)
        with pytest.raises((OSError, ExceptionGroup, DoorwardError)):
            await made(layout)
    assert list(layout.root.iterdir()) == []
    await made(layout)


@pytest.mark.parametrize("broken", ["doorward.main.init.create_keys", "doorward.main.init._found"])
async def test_failure_takes_back_the_key_that_it_made_elsewhere(
    layout: Layout, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    elsewhere = layout.root.parent / "kek"
    settings = Settings(key_encryption_key=f"file:{elsewhere}")
    with monkeypatch.context() as patch:
        patch.setattr(broken, fail)
        with pytest.raises((OSError, DoorwardError)):
            await initialise(settings, layout, "admin")
    assert not elsewhere.exists()
    await initialise(settings, layout, "admin")


async def test_failure_leaves_a_key_that_was_there_before(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    elsewhere = layout.root.parent / "kek"
    create_kek_file(elsewhere, SystemEntropy())
    before = elsewhere.read_bytes()
    monkeypatch.setattr("doorward.main.init.create_keys", fail)
    with pytest.raises(OSError, match="no space"):
        await initialise(Settings(key_encryption_key=f"file:{elsewhere}"), layout, "admin")
    assert elsewhere.read_bytes() == before


@pytest.mark.parametrize("name", ["", "a b", "root\n", "ünï", "a/b", "x" * 300])
async def test_administrator_whose_name_is_none_is_refused_before_anything_is_made(layout: Layout, name: str) -> None:
    with pytest.raises(DoorwardError):
        await initialise(Settings(), layout, name)
    assert not layout.root.exists()


async def test_settings_that_could_not_be_read_back_are_refused_before_anything_is_made(layout: Layout) -> None:
    names = tuple(f"name{number}" for number in range(17))
    with pytest.raises(DoorwardError):
        await initialise(Settings(names=names), layout, "admin")
    assert not layout.root.exists()


async def test_chosen_key_encryption_key_is_remembered(layout: Layout) -> None:
    elsewhere = layout.root.parent / "kek"
    await initialise(Settings(key_encryption_key=f"file:{elsewhere}"), layout, "admin")
    assert elsewhere.stat().st_mode & 0o777 == 0o600
    assert load_settings(layout.config, layout.root).key_encryption_key == f"file:{elsewhere}"
    assert not layout.key_encryption_key.exists()


class TestNewCode:
    async def test_replaces_the_first_one(self, layout: Layout) -> None:
        found = await made(layout)
        code = await new_first_code(Settings(), layout)
        assert code != found.code
        async with opened(layout) as store:
            now = SystemClock().now()
            old = await store.read(lambda tx: tx.invitations.by_code_hash(hash_code(found.code)))
            new = await store.read(lambda tx: tx.invitations.by_code_hash(hash_code(code)))
        assert old is not None
        assert new is not None
        assert (old.is_open(now), new.is_open(now)) == (False, True)

    async def test_is_refused_when_an_administrator_has_signed_up(self, layout: Layout) -> None:
        await made(layout)
        async with opened(layout) as store:
            (admin,) = await store.read(lambda tx: tx.resources.list("user"))
            password = Password(UserId(admin.id), "a hash", SystemClock().now())
            await store.write(lambda tx: tx.passwords.put(password))
        with pytest.raises(AdministratorExists):
            await new_first_code(Settings(), layout)
