"""Opening the store brings older tables to this version, once, and says so in the log."""

import sqlite3
import subprocess
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from tests.support.installation import DOORWARD

from doorward.domain.audit.log import LogQuery
from doorward.main.layout import Layout
from doorward.main.open_store import open_store
from doorward.main.settings import Settings, dump_settings
from doorward.stores.sql.migrate import LOCATION, newer

OLDER = "0004"


def tables_of_an_older_version(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True)
    path.touch(mode=0o600)
    config = Config()
    config.set_main_option("script_location", LOCATION)
    config.set_main_option("path_separator", "os")
    with create_engine(f"sqlite:///{path}").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, OLDER)


async def told(layout: Layout) -> list[dict[str, object]]:
    store = await open_store(Settings(), layout)
    try:
        return [{**one.fields} for one in await store.search_log(LogQuery(types=("store.migrated",)))]
    finally:
        await store.close()


async def test_older_tables_are_brought_up_once_and_the_log_says_so(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    tables_of_an_older_version(layout.database)
    (first,) = await told(layout)
    assert first["before"] == OLDER
    assert str(first["after"]) > OLDER
    assert await told(layout) == [first]


def run_migrate(layout: Layout) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DOORWARD, "migrate", "--data", str(layout.root)],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


async def test_an_operator_may_do_so_before_the_start(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    tables_of_an_older_version(layout.database)
    layout.root.chmod(0o700)
    layout.config.write_text(dump_settings(Settings()))
    done = run_migrate(layout)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the database has this version's tables\n"
    with sqlite3.connect(layout.database) as database:
        ((revision,),) = database.execute("SELECT version_num FROM alembic_version").fetchall()
    database.close()
    (first,) = await told(layout)
    assert (first["before"], first["after"]) == (OLDER, revision)


async def test_new_tables_are_no_migration(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    layout.database.parent.mkdir(mode=0o700, parents=True)
    assert await told(layout) == []
    assert newer(None, "0009") is newer("0009", "0009") is None
