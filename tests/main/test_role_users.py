"""Who runs which role: names are read strictly, looked up on the host, and kept to."""

import os
import pwd
from pathlib import Path

import pytest
from tests.support.accounts import account

from doorward.main.handing_over import hand_over, taken_back
from doorward.main.layout import MEETING_MODE, Layout
from doorward.main.role_users import BadUsers, RoleUsers, check_apart, check_runs_as, parse_users, parse_users_option
from doorward.main.settings import Settings

US = pwd.getpwuid(os.geteuid()).pw_name
NOBODY_HERE = "dwt-not-here"


def test_option_names_a_user_for_each_role() -> None:
    assert parse_users_option("gateway=c,signer=a,authority=b") == RoleUsers("a", "b", "c")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "signer=a",
        "signer=a,authority=b",
        "signer=a,authority=b,gateway=c,other=d",
        "signer=a,authority=b,signer=c",
        "signer=a,authority=b,gateway",
        "signer=a,authority=b,gateway=",
        "signer=a,authority=b,gateway=c d",
        "signer=a,authority=b,gateway=-c",
        "signer=a,authority=b,gateway=Große",
        "signer=a,authority=b,gateway=c\n",
    ],
)
def test_option_that_names_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadUsers):
        parse_users_option(text)


@pytest.mark.parametrize("value", [None, "a", [], {"signer": "a"}, {"signer": 1, "authority": "b", "gateway": "c"}])
def test_configuration_that_is_no_users_is_refused(value: object) -> None:
    with pytest.raises(BadUsers):
        parse_users(value)


@pytest.mark.parametrize("missing", ["signer", "authority", "gateway"])
def test_user_whom_the_host_does_not_know_is_named(missing: str) -> None:
    names = {"signer": US, "authority": US, "gateway": US, missing: NOBODY_HERE}
    with pytest.raises(BadUsers, match=NOBODY_HERE):
        check_apart(RoleUsers(**names))


def test_gateway_in_the_authoritys_group_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The group is what opens the way to the signer's socket and the configuration."""
    ids = {"s": 1, "a": 2, "g": 3}
    monkeypatch.setattr(pwd, "getpwnam", lambda name: pwd.struct_passwd((name, "x", ids[name], ids[name], "", "", "")))
    monkeypatch.setattr(os, "getgrouplist", lambda _name, group: [group, 9])
    check_apart(RoleUsers("s", "a", "g"))
    monkeypatch.setattr(os, "getgrouplist", lambda _name, group: [group, 2])
    with pytest.raises(BadUsers, match="group"):
        check_apart(RoleUsers("s", "a", "g"))


def test_role_is_run_by_its_user_or_by_whoever_where_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    users = RoleUsers(US, US, US)
    check_runs_as("signer", users)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    check_runs_as("signer", None)
    with pytest.raises(BadUsers, match=f"{US} runs it"):
        check_runs_as("signer", users)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "data")
    for directory in (made.keys, made.recordings, made.spool, made.run):
        directory.mkdir(mode=0o700, parents=True)
    for file in (made.config, made.installation, made.database, made.keys / "one", made.key_encryption_key):
        file.touch(mode=0o600)
    return made


def test_links_are_handed_over_and_not_followed(layout: Layout, tmp_path: Path) -> None:
    """Who runs a role may put anything into its part before root comes by."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    (layout.gateway / "link").symlink_to(outside / "file")
    (layout.gateway / "directory").symlink_to(outside)
    before = (outside / "file").stat().st_uid
    other = account("dwt-gateway")
    hand_over(layout, Settings(users=RoleUsers(US, US, other.login)))
    assert (layout.gateway / "link").lstat().st_uid == other.uid
    assert (outside / "file").stat().st_uid == outside.stat().st_uid == before


def test_what_was_taken_back_is_handed_over_again_also_when_the_work_fails(layout: Layout) -> None:
    other = account("dwt-gateway")
    settings = Settings(users=RoleUsers(US, US, other.login))
    hand_over(layout, settings)
    seen: list[int] = []

    def work() -> None:
        with taken_back(layout, settings):
            seen.append(layout.spool.stat().st_uid)
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        work()
    assert seen == [os.geteuid()]
    assert layout.spool.stat().st_uid == other.uid
    assert layout.run.stat().st_mode & 0o7777 == MEETING_MODE
    assert layout.root.stat().st_mode & 0o7777 == 0o711


def test_key_encryption_key_goes_to_the_signer_wherever_it_lies(layout: Layout, tmp_path: Path) -> None:
    elsewhere = tmp_path / "kek"
    elsewhere.touch(mode=0o600)
    signer = account("dwt-signer")
    users = RoleUsers(signer.login, US, US)
    hand_over(layout, Settings(key_encryption_key=f"file:{elsewhere}", users=users))
    assert elsewhere.stat().st_uid == signer.uid
    assert elsewhere.stat().st_mode & 0o777 == 0o600


def test_nothing_is_handed_over_where_all_is_one_users(layout: Layout) -> None:
    before = {path: path.stat() for path in [layout.root, *layout.root.rglob("*")]}
    hand_over(layout, Settings())
    with taken_back(layout, Settings()):
        pass
    assert {path: path.stat() for path in before} == before
