"""What operators do: declare things, test roles, back up, restore."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

import pytest
from demo.installation import DOORWARD, Installation
from tests.support.house import House, eventually, role
from tests.support.people import DW, Person

CASES: Final = Path(__file__).resolve().parents[1] / "conformance" / "roles.json"


def doorward(house: House, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DOORWARD, *words],
        env=house.installation.env(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_is_wrong_is_named_by_file_line_and_field(house: House, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(role("good-one"))
    bad.write_text(
        "kind: role\nversion: v8\nmetadata: {name: bad-one}\nspec:\n  allow:\n    logins: [root]\n    colour: red\n"
    )
    done = house.admin.run("apply", "-f", str(good), "-f", str(bad))
    assert done.returncode == 1
    assert re.search(r"bad\.yaml:7: spec\.allow\.colour: .", done.stderr), done.stderr
    assert house.admin.run("get", "role/good-one").returncode == 1


def test_a_stale_revision_is_refused(house: House) -> None:
    house.admin.dw("apply", "-f", "-", stdin=role("stale"))
    seen = house.admin.dw("get", "role/stale")
    house.admin.dw("apply", "-f", "-", stdin=seen.replace("env: prod", "env: test").replace("- prod", "- test"))
    done = house.admin.run("apply", "-f", "-", stdin=seen.replace("env: prod", "env: dev").replace("- prod", "- dev"))
    assert done.returncode == 1
    assert "revision" in done.stderr


def test_yaml_that_would_fill_the_memory_is_refused(house: House) -> None:
    laughs = "a: &a [x,x]\n" + "".join(f"b{n}: &b{n} [*a,*a,*a]\n" for n in range(9))
    done = house.admin.run("apply", "-f", "-", stdin=laughs)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_the_shared_cases_pass(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run([*DW, "policy", "test", str(CASES)], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_wrong_expectation_fails(tmp_path: Path) -> None:
    cases = json.loads(CASES.read_text())
    check = cases["cases"][0]["checks"][0]
    check["expect"] = "deny" if check["expect"] == "allow" else "allow"
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    words = [*DW, "policy", "test", str(tmp_path / "cases.json")]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert cases["cases"][0]["id"] in done.stdout


def test_a_backup_made_in_service_starts_elsewhere_and_verifies(house: House, tmp_path: Path) -> None:
    person = house.user("backed-up")
    assert house.ssh(person, "true").returncode == 0
    reader = house.user("restored", "admin", "auditor")
    late = re.findall(r"^code: (\S+)", house.admin.dw("users", "add", "late", "--role", "ops"), re.MULTILINE)[0]
    copy, data = house.folder / "copy", house.installation.data
    done = doorward(house, "backup", "--data", str(data), str(copy))
    assert done.returncode == 0, done.stderr
    assert not (copy / "kek").exists()
    identity = json.loads((data / "gateway" / "identity").read_text())
    secret = identity["key_pem"].splitlines()[1].encode()
    assert [path for path in copy.rglob("*") if path.is_file() and secret in path.read_bytes()] == []
    assert doorward(house, "backup", "--data", str(data), str(copy)).returncode == 1

    other = Installation(house.folder / "o", pin=house.installation.pin)
    other.folder.mkdir()
    done = doorward(house, "restore", "--data", str(other.data), str(copy))
    assert done.returncode == 0, done.stderr
    shutil.copy2(data / "kek", other.data / "kek")
    settings = other.data / "doorward.yaml"
    text = settings.read_text()
    for mine, theirs in (
        (house.installation.port, other.port),
        (house.installation.authority_port, other.authority_port),
        (house.installation.metrics_port, other.metrics_port),
        (house.installation.gateway_metrics_port, other.gateway_metrics_port),
    ):
        text = text.replace(str(mine), str(theirs))
    settings.write_text(text)
    other.start()
    try:
        reader.last_step = max(reader.last_step, int(time.time()) // 30)  # the present code counts as given
        done = reader.login(other.url, other.pin)
        assert done.returncode == 0, done.stderr
        with pytest.raises(AssertionError):  # what was open when the copy was made is not open any more
            Person("late", other.folder / "home").enrol(other.url, late, other.pin)
        (restored,) = json.loads(reader.dw("audit", "search", "--type", "installation.restored", "--json"))["items"]
        assert restored["fields"]["sign_ins"] > 0
        assert reader.dw("audit", "verify").startswith("verified: ")
        users = [each["name"] for each in json.loads(reader.dw("users", "ls", "--json"))]
        assert "backed-up" in users
        renewed = json.loads((other.data / "gateway" / "identity").read_text())
        assert renewed["gateway_id"] == identity["gateway_id"]
        assert renewed["key_pem"] != identity["key_pem"]
    finally:
        other.stop()


def test_a_key_file_that_others_can_read_stops_the_start(house: House) -> None:
    other = house.folder / "readable"
    assert doorward(house, "init", "--data", str(other), "--listen", "127.0.0.1:1").returncode == 0
    (other / "kek").chmod(0o644)
    done = doorward(house, "serve", "--data", str(other))
    assert done.returncode == 1
    assert "kek" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_serve_is_refused_and_takes_nothing_from_the_first(house: House) -> None:
    data = house.installation.data
    before = (data / "gateway" / "gateway.json").stat().st_mtime_ns
    for words in (["serve"], ["serve", "--role", "signer"]):
        done = doorward(house, *words, "--data", str(data))
        assert done.returncode == 1
        assert re.search(r"runs already on \S+, as process \d+", done.stderr), done.stderr
        assert "Traceback" not in done.stderr
    assert (data / "gateway" / "gateway.json").stat().st_mtime_ns == before
    # The signer still takes new callers: an authority that is started again finds it.
    killed = house.installation.pid_of("authority")
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{killed}").exists(), "the authority was not ended")
    eventually(lambda: house.admin.run("status").returncode == 0, "the authority did not come back")


def test_a_backup_is_not_restored_over_anything(house: House) -> None:
    copy = house.folder / "copy-2"
    assert doorward(house, "backup", "--data", str(house.installation.data), str(copy)).returncode == 0
    done = doorward(house, "restore", "--data", str(house.installation.data), str(copy))
    assert done.returncode == 1
    assert "is not empty" in done.stderr
