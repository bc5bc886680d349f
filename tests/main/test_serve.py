"""`doorward serve` as a whole: who learns where the key is, what a file elsewhere says, and names that have changed."""

import base64
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from demo.ports import free_port
from tests.support.accounts import account
from tests.support.installation import Installation, temporary_folder
from tests.support.other_users import PythonAnywhere, run_as
from tests.support.processes import children_of, end, wait_for

VARIABLE = "DOORWARD_TEST_KEY"
START_SECONDS_MAX = 30.0
SERVE_WITH_A_SILENT_SIGNER = """
import sys
from doorward.main import entry, serve
serve.PROGRAM = ("/bin/sh", "-c", "sleep 60")
entry.cli(["serve", "--data", sys.argv[1]])
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    made = temporary_folder()
    yield made
    shutil.rmtree(made)


def environment_of(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")


def key_places(folder: Path) -> dict[str, tuple[str, dict[str, str]]]:
    """By kind: what `--kek` says, and the environment in which it is true."""
    key = base64.b64encode(os.urandom(32)).decode()
    credentials = folder / "credentials"
    credentials.mkdir(mode=0o700)
    file = credentials / "doorward-kek"
    file.touch(mode=0o600)
    file.write_text(key + "\n")
    return {
        "environment": (f"env:{VARIABLE}", {VARIABLE: key}),
        "credential": ("credential:doorward-kek", {"CREDENTIALS_DIRECTORY": str(credentials)}),
    }


@pytest.mark.parametrize("kind", ["environment", "credential"])
def test_the_way_to_the_key_is_told_to_the_signer_alone(folder: Path, kind: str) -> None:
    kek, environment = key_places(folder)[kind]
    installation = Installation.create(folder, kek=kek, environment=environment)
    ((name, value),) = environment.items()
    try:
        installation.start()
        assert installation.process is not None
        assert value in environment_of(installation.process.pid) or os.geteuid() != 0  # who may not look sees nothing
        for role in ("authority", "gateway"):
            found = environment_of(installation.pid_of(role))
            assert "PATH=" in found
            assert name not in found
            assert value not in found
        assert not (installation.data / "kek").exists()
    finally:
        installation.stop()


def test_the_supervisor_can_not_be_looked_into(folder: Path) -> None:
    """Its environment may hold the key-encryption key, and authority and gateway may run as the same user."""
    who = account("dwt-operator")
    with ExitStack() as stack:
        python = PythonAnywhere()
        stack.callback(python.close)
        folder.chmod(0o711)
        place = folder / "own"
        place.mkdir(mode=0o700)
        os.chown(place, who.uid, -1)
        data = str(place / "data")
        made = python.run(who, "-m", "doorward.main.entry", "init", "--data", data)
        assert made.returncode == 0, made.stderr
        supervisor = python.begin(who, ["-c", SERVE_WITH_A_SILENT_SIGNER, data])
        stack.callback(end, supervisor)
        wait_for(lambda: bool(children_of(supervisor.pid)), START_SECONDS_MAX)
        child = children_of(supervisor.pid)[0]
        wait_for(lambda: b"sleep" in Path(f"/proc/{child}/cmdline").read_bytes(), START_SECONDS_MAX)
        assert run_as(who, "/bin/cat", f"/proc/{child}/environ").returncode == 0
        assert run_as(who, "/bin/cat", f"/proc/{supervisor.pid}/environ").returncode != 0
        assert Path(f"/proc/{supervisor.pid}/environ").stat().st_uid == 0


def test_a_file_elsewhere_and_names_that_changed_are_in_force_at_the_start(folder: Path) -> None:
    installation = Installation.create(folder)
    settings = yaml.safe_load((installation.data / "doorward.yaml").read_text())
    other = Installation(folder, port=free_port())
    settings["names"] = ["localhost", "127.0.0.1", "door.example"]
    settings["listen"] = f"127.0.0.1:{other.port}"
    file = folder / "elsewhere.yaml"
    file.write_text(yaml.safe_dump(settings))
    file.chmod(0o600)
    try:
        installation.options = ("--config", str(file))
        installation.start()
        installation.port = other.port
        admin = installation.administrator()
        (gateway,) = json.loads(admin.dw("gateways", "ls", "--json"))
        assert gateway["names"] == settings["names"]
        (event,) = json.loads(admin.dw("audit", "search", "--type", "gateway.names_changed", "--json"))["items"]
        assert event["fields"]["names"] == settings["names"]
    finally:
        installation.stop()
    assert stat.S_IMODE((installation.data / "doorward.yaml").stat().st_mode) == 0o600
    assert "door.example" not in (installation.data / "doorward.yaml").read_text()


def test_a_file_that_is_not_there_starts_nothing(folder: Path) -> None:
    installation = Installation.create(folder)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "doorward.main.entry",
            "serve",
            "--data",
            str(installation.data),
            "--config",
            "/nowhere",
        ],
        env=installation.env(),
        capture_output=True,
        text=True,
        timeout=START_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("doorward: reading the configuration /nowhere: ")
