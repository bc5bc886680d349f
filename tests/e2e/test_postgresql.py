"""The whole path on PostgreSQL: init and serve, sign in, a node, sessions, a recording, a lock, the log."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest
from demo.installation import DOORWARD
from tests.support.house import House, eventually, role
from tests.support.postgres import Postgres

CUT_SECONDS_MAX: Final = 1.0
AT_ONCE: Final = 4


@pytest.fixture(scope="module")
def pg_house(postgres: Postgres) -> Iterator[House]:
    with House.build(postgres.create_database("doorward_house")) as built:
        yield built


def doorward(house: House, *words: str) -> subprocess.CompletedProcess[str]:
    """The operator's command on the house's data directory."""
    command = [*DOORWARD, *words, "--data", str(house.installation.data)]
    return subprocess.run(
        command, env=house.installation.env(), capture_output=True, text=True, timeout=60, check=False
    )


def test_a_command_is_carried_recorded_and_in_a_log_that_verifies(pg_house: House) -> None:
    person = pg_house.user("pia")
    done = pg_house.ssh(person, "echo over-postgresql; exit 3")
    assert (done.returncode, done.stdout) == (3, b"over-postgresql\n")
    session = pg_house.sessions(person)[0]["id"]
    assert pg_house.ended(session)["end_reason"] == "closed"
    assert "over-postgresql" in pg_house.recording(session)
    assert {"session.opened", "session.ended", "recording.sealed"} <= {
        each["type"] for each in pg_house.events("--session", session)
    }
    pg_house.admin.dw("audit", "verify")


def test_many_things_at_once_after_a_change_of_policy_all_get_their_answer(pg_house: House) -> None:
    person = pg_house.user("otto")
    pg_house.admin.dw("apply", "-f", "-", stdin=role("afterwards"))
    with ThreadPoolExecutor(2 * AT_ONCE) as threads:
        sessions = [threads.submit(pg_house.ssh, person, "exit 5") for _ in range(AT_ONCE)]
        lists = [threads.submit(person.dw, "ls", "--json") for _ in range(AT_ONCE)]
        assert [each.result().returncode for each in sessions] == [5] * AT_ONCE
        assert all(json.loads(each.result()) for each in lists)


def test_a_lock_cuts_within_a_second_and_keeps_out(pg_house: House) -> None:
    person = pg_house.user("lena")
    with pg_house.shell(person) as terminal:
        ended_at: list[float] = []

        def watch() -> None:
            terminal.wait(60)
            ended_at.append(time.monotonic())

        watching = threading.Thread(target=watch)
        watching.start()
        pg_house.admin.dw("lock", "add", "--user", "lena", "--name", "stop", "--message", "incident 7")
        acted_at = time.monotonic()
        watching.join()
    assert ended_at, f"ssh lives on: {terminal.screen!r}"
    assert ended_at[0] - acted_at < CUT_SECONDS_MAX
    assert "incident 7" in terminal.screen
    done = pg_house.ssh(person, "id")
    assert done.returncode == 255
    assert b"your access is locked: incident 7; ask an administrator" in done.stderr


def test_migrate_runs_beside_what_serves(pg_house: House) -> None:
    done = doorward(pg_house, "migrate")
    assert done.returncode == 0, done.stderr


def test_backup_says_what_to_use_instead(pg_house: House, tmp_path: Path) -> None:
    done = doorward(pg_house, "backup", str(tmp_path / "kept"))
    assert done.returncode != 0
    assert "pg_dump" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "kept").exists()


def test_it_serves_again_after_a_restart(pg_house: House) -> None:
    person = pg_house.user("rita")
    pg_house.installation.stop()
    pg_house.installation.start()
    # It is ready a moment before its gateway has a lease.
    eventually(lambda: pg_house.ssh(person, "exit 6").returncode == 6, "nothing opens after the restart")
    pg_house.admin.dw("audit", "verify")
