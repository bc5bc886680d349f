"""Signing in through the certified provider with the real `dw`, and a log-out there that ends sessions here."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.support.house import House, eventually
from tests.support.oidc_provider.browser import Browser
from tests.support.oidc_provider.running import CLIENT_SECRET, RunningProvider, client
from tests.support.people import DW, Person
from tests.support.tidy_tree import ROOT as CHECKOUT

CUT_SECONDS_MAX = 5.0
LOGIN_SECONDS_MAX = 60


@dataclass
class Corp:
    """The provider, and the house that knows it as connector `corp`."""

    house: House
    provider: RunningProvider

    def words(self, *more: str) -> list[str]:
        """What is typed to sign in there."""
        installation = self.house.installation
        return ["login", installation.url, "--connector", "corp", "--ca-pin", installation.pin, "--no-agent", *more]

    def typing(self, person: Person, *more: str) -> subprocess.Popen[str]:
        """`dw login`, while it waits for a browser that does not open by itself."""
        env = {**person.env(), "BROWSER": "true"}
        return subprocess.Popen([*DW, *self.words(*more)], env=env, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def corp(house: House) -> Iterator[Corp]:
    secrets = house.installation.data / "authority" / "secrets"
    secrets.mkdir(mode=0o700, exist_ok=True)
    (secrets / "corp").write_text(CLIENT_SECRET)
    (secrets / "corp").chmod(0o600)
    back = f"{house.installation.url}/v1/oidc/corp/backchannel-logout"
    registered = client(backchannel_logout_uri=back, backchannel_logout_session_required=True)
    with RunningProvider([registered], extra_ca=house.admin.keep / "root.pem") as provider:
        house.admin.dw(
            "apply",
            "-f",
            "-",
            stdin=f"""\
kind: oidc_connector
version: v1
metadata: {{name: corp}}
spec:
  issuer: {provider.issuer}
  client_id: doorward
  client_secret: {{file: {secrets / "corp"}}}
  scopes: [openid, profile, groups, offline_access]
  groups_claim: groups
  groups_to_roles: {{engineers: [ops, access]}}
  networks: [127.0.0.0/8]
  device_flow: true
""",
        )
        yield Corp(house, provider)
        house.admin.dw("rm", "oidc_connector/corp")


@pytest.fixture
def browser(corp: Corp) -> Iterator[Browser]:
    someone = Browser("olga-sub")
    corp.provider.account("olga-sub", preferred_username="olga", groups=["engineers"])
    yield someone
    someone.close()


def test_the_browser_that_dw_opens_signs_in_and_the_door_opens(corp: Corp) -> None:
    corp.provider.account("odile-sub", preferred_username="odile", groups=["engineers"])
    person = corp.house.installation.person("odile")
    opened = f"{sys.executable} -m tests.support.oidc_provider.browser odile-sub %s"
    person.environment = {"BROWSER": opened, "PYTHONPATH": str(CHECKOUT)}
    assert "signed in as odile until" in person.dw(*corp.words())
    assert corp.house.ssh(person, "id -un").stdout.decode().strip() == corp.house.root
    assert "oidc" in person.dw("status")


def test_a_log_out_at_the_provider_ends_the_sign_in_and_cuts_the_session(corp: Corp, browser: Browser) -> None:
    person = corp.house.installation.person("olga")
    with corp.typing(person) as login:
        assert login.stdout is not None
        login.stdout.readline()
        answer = browser.http.get(browser.sign_in(login.stdout.readline().strip()))
        assert "signed in" in answer.text
        assert login.wait(LOGIN_SECONDS_MAX) == 0
    with corp.house.shell(person) as terminal:
        began = time.monotonic()
        browser.sign_out(corp.provider.issuer)
        terminal.wait(CUT_SECONDS_MAX + 10)
        assert time.monotonic() - began < CUT_SECONDS_MAX
        assert "you signed out at your identity provider" in terminal.screen
    assert person.run("status").returncode != 0
    assert corp.house.ssh(person, "id").returncode == 255
    ended = corp.house.events("--type", "sign_in.ended")[0]
    assert ended["fields"]["reason"] == "provider_logged_out"


def test_a_code_typed_elsewhere_signs_in_where_there_is_no_browser(corp: Corp, browser: Browser) -> None:
    person = corp.house.installation.person("olga-on-a-server")
    with corp.typing(person, "--device") as login:
        assert login.stdout is not None
        where = login.stdout.readline().split()[-1]
        code = login.stdout.readline().split()[-1]
        assert "started from 127.0.0.1" in login.stdout.readline()
        browser.type_code(where, code)
        assert login.wait(LOGIN_SECONDS_MAX) == 0
        assert "signed in as olga" in login.stdout.read()
    eventually(lambda: "oidc+device" in person.dw("status"), "the way is not shown")


def test_the_only_provider_is_taken_without_being_named_and_a_wrong_name_is_refused(corp: Corp) -> None:
    person = corp.house.installation.person("nobody")
    installation = corp.house.installation
    done = person.run("login", installation.url, "--connector", "other", "--ca-pin", installation.pin)
    assert (done.returncode, "there is no such connector" in done.stderr) == (1, True)
    corp.provider.account("fred-sub", preferred_username="fred")
    opened = f"{sys.executable} -m tests.support.oidc_provider.browser fred-sub %s"
    person.environment = {"BROWSER": opened, "PYTHONPATH": str(CHECKOUT)}
    assert "signed in as fred" in person.dw("login", installation.url, "--ca-pin", installation.pin, "--no-agent")
    assert corp.house.ssh(person, "id").returncode == 255  # no groups, no roles, no door
