"""The demo tells its story to the end, also where an earlier one lies."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.installation import temporary_folder

CHECKOUT = Path(__file__).resolve().parents[2]
DEMO_SECONDS_MAX = 280


@pytest.fixture
def folder() -> Iterator[Path]:
    made = temporary_folder()
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_the_demo_checks_every_step(folder: Path) -> None:
    (folder / "left").mkdir()
    (folder / "left" / "behind").write_text("by an earlier run")
    done = subprocess.run(
        [sys.executable, "-m", "demo.run", "--check", "--folder", str(folder)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=DEMO_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert "All of it held." in done.stdout
    assert "\x1b[" not in done.stdout, "colours where there is no terminal"
    assert not (folder / "left").exists()
