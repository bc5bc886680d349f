"""The set-up script: a shell reads every value as the text that it is, and the whole as a script."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.authority.node_script import ScriptFacts, setup_script
from doorward.base.ids import NodeId

FACTS: dict[str, Any] = {
    "node_id": NodeId("a" * 26),
    "node_name": "prod-web-01",
    "logins": ("root", "deploy"),
    "url": "https://authority.example:3443",
    "token": "t" * 32,
    "root_pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "gateways": ("192.0.2.90", "2001:db8::1"),
    "exclusive": False,
}
HOSTILE = [
    "'; touch /tmp/doorward-was-here; '",
    "$(id)",
    "`id`",
    "\n echo owned\n",
    '"',
    "\\",
    "a' 'b",
    "#",
    "${HOME}",
    "!history",
    "-n",
]


def facts(**changes: Any) -> ScriptFacts:
    return ScriptFacts(**{**FACTS, **changes})


def head_of(script: str) -> str:
    """The lines that set values, before the body of the script."""
    return script.split("\n# Prepares an OpenSSH", 1)[0]


def as_the_shell_reads(script: str, name: str) -> str:
    shown = subprocess.run(
        ["/bin/sh", "-c", head_of(script) + f'\nprintf "%s." "${name}"'], capture_output=True, text=True, check=True
    )
    return shown.stdout[:-1]


def check_syntax(script: str) -> None:
    done = subprocess.run(["/bin/sh", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_script_is_a_script() -> None:
    script = setup_script(facts())
    assert script.startswith("#!/bin/sh\n")
    check_syntax(script)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_are_texts(text: str) -> None:
    script = setup_script(facts(node_name=text, url=text, token=text, root_pem=text, logins=(text,), gateways=(text,)))
    check_syntax(script)
    for name in ("NODE_NAME", "URL", "TOKEN", "ROOT_PEM", "LOGINS", "GATEWAYS"):
        assert as_the_shell_reads(script, f"DOORWARD_{name}") == text


@settings(max_examples=40)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40))
def test_any_value_is_read_as_it_is(text: str) -> None:
    script = setup_script(facts(token=text.replace("\r", "")))
    assert as_the_shell_reads(script, "DOORWARD_TOKEN") == text.replace("\r", "")


@pytest.mark.parametrize(("exclusive", "said"), [(True, "yes"), (False, "no")])
def test_exclusive_is_said(exclusive: bool, said: str) -> None:
    assert as_the_shell_reads(setup_script(facts(exclusive=exclusive)), "DOORWARD_EXCLUSIVE") == said


def test_lists_are_said_as_the_script_splits_them() -> None:
    script = setup_script(facts())
    assert as_the_shell_reads(script, "DOORWARD_LOGINS") == "root deploy"
    assert as_the_shell_reads(script, "DOORWARD_GATEWAYS") == "192.0.2.90,2001:db8::1"


def exempt(*gateways: str) -> list[str]:
    """What the script makes of the gateways' names, on this host."""
    script = setup_script(facts(gateways=gateways))
    function = script[script.index("address_list() {") :].split("\n}\n", 1)[0] + "\n}\n"
    words = ["/bin/sh", "-euc", f"{head_of(script)}\n{function}\naddress_list"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()


def test_names_of_gateways_become_addresses_on_the_node() -> None:
    found = exempt("192.0.2.90", "192.0.2.128/25", "2001:db8::1", "localhost")
    assert {"192.0.2.90", "192.0.2.128/25", "2001:db8::1"} < set(found)
    assert {"127.0.0.1", "::1"} & set(found)
    assert "localhost" not in found


def test_name_that_nobody_knows_is_left_out() -> None:
    assert exempt("192.0.2.90", "no-such-host.invalid") == ["192.0.2.90"]
    assert exempt("no-such-host.invalid") == []


@pytest.mark.parametrize("shell", [["/bin/sh"], ["/bin/bash", "--posix"]], ids=["sh", "bash"])
def test_script_of_which_the_end_got_lost_does_nothing(tmp_path: Path, shell: list[str]) -> None:
    script = setup_script(facts())
    places = {"DOORWARD_SSHD_CONFIG": str(tmp_path / "sshd_config"), "DOORWARD_DIR": str(tmp_path / "doorward")}
    (tmp_path / "sshd_config").write_text("Port 1\n")
    body = script.index("\n# Prepares an OpenSSH")
    cuts = sorted({*range(body, len(script), 997), *range(len(script) - 24, len(script) - 1)})
    for cut in cuts:
        subprocess.run(
            [*shell, "-s"],
            input=script[:cut],
            env={**os.environ, **places},
            capture_output=True,
            text=True,
            check=False,
        )
        assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("sshd_config", "Port 1\n")]
