"""The second factor of a session: stock ssh, the gateway and the real authority, with codes as people type them."""

import time

import pyotp
from demo.people import STEP_SECONDS, Person
from demo.terminal import Terminal
from tests.support.house import House, role

PROMPT = "Code: "
NEEDED = "doorward: this session needs your second factor."
USED = "doorward: that code was used already; wait for the next one"
WRONG = "doorward: that code is wrong"
BLOCKED = "there were too many wrong codes; wait a while before you try another"
DONE = "done as asked"
FIRST_WAIT_SECONDS = 2.3
"""After the fourth wrong code nothing counts for two seconds, after the fifth for four."""


def person(house: House, name: str, options: str = "{require_session_mfa: true}") -> Person:
    """Somebody of whom each session asks a code."""
    house.admin.dw("apply", "-f", "-", stdin=role(f"{name}-role", options))
    return house.user(name, f"{name}-role")


def asking(house: House, who: Person) -> Terminal:
    """A command of theirs, by an ssh that may ask."""
    words = [word.replace("BatchMode=yes", "BatchMode=no") for word in house.command(who, "echo done as asked")]
    return Terminal(words, who.env())


def answer(terminal: Terminal, code: str) -> None:
    """Type a code at the next prompt."""
    terminal.read_until(PROMPT)
    terminal.screen = ""
    terminal.enter(f"{code}\n")


def next_code(who: Person) -> str:
    """One that was not used yet; a code counts a step before its time, so that there is seldom anything to wait for."""
    step = max(who.last_step + 1, int(time.time()) // STEP_SECONDS)
    while int(time.time()) // STEP_SECONDS < step - 1:
        time.sleep(0.2)
    who.last_step = step
    return pyotp.TOTP(who.totp_secret).at(step * STEP_SECONDS)


def wrong_code(who: Person) -> str:
    """One that is of no time near now."""
    secret = pyotp.TOTP(who.totp_secret)
    near = {secret.at((who.last_step + step) * STEP_SECONDS) for step in range(-5, 20)}
    return next(code for code in ("000000", "111111", "222222", "333333") if code not in near)


def test_right_code_opens_and_wrong_ones_are_told(house: House) -> None:
    felix = person(house, "felix")
    with asking(house, felix) as terminal:
        assert NEEDED in terminal.read_until(PROMPT)
        answer(terminal, next_code(felix))
        assert terminal.wait() == 0
        assert DONE in terminal.screen
    with asking(house, felix) as terminal:
        answer(terminal, wrong_code(felix))
        assert WRONG in terminal.read_until(PROMPT)
        answer(terminal, next_code(felix))
        assert terminal.wait() == 0
        assert DONE in terminal.screen
    assert len(house.sessions(felix)) == 2
    verified = house.events("--user", "felix", "--type", "mfa.verified")
    assert [one["fields"]["purpose"] for one in verified] == ["session", "session"]
    assert len(house.events("--user", "felix", "--type", "factor.failed")) == 1


def test_a_used_code_is_told_apart_and_opens_nothing(house: House) -> None:
    gil = person(house, "gil")
    code = next_code(gil)
    with asking(house, gil) as terminal:
        answer(terminal, code)
        assert terminal.wait() == 0
    with asking(house, gil) as terminal:
        answer(terminal, code)
        assert USED in terminal.read_until(PROMPT)
        assert DONE not in terminal.screen
    assert len(house.sessions(gil)) == 1


def test_too_many_wrong_codes_end_it_and_right_ones_wait(house: House) -> None:
    hal = person(house, "hal")
    with asking(house, hal) as terminal:
        for _ in range(3):
            answer(terminal, wrong_code(hal))
        assert terminal.wait() == 255
        assert "too many wrong codes" in terminal.screen
    code = next_code(hal)
    with asking(house, hal) as terminal:
        answer(terminal, wrong_code(hal))
        time.sleep(FIRST_WAIT_SECONDS)
        answer(terminal, wrong_code(hal))
        answer(terminal, code)  # right, and too soon after the fifth
        assert terminal.wait() == 255
        assert BLOCKED in terminal.screen
        assert DONE not in terminal.screen
    assert house.sessions(hal) == []
    assert house.events("--user", "hal", "--type", "user.locked_out") != []


def test_a_factor_given_ahead_counts_for_the_interval_and_no_code_is_asked(house: House) -> None:
    ida = person(house, "ida", "{require_session_mfa: true, mfa_verification_interval: 30m}")
    assert house.ssh(ida, "true").returncode == 255  # without a terminal there is nobody to ask
    done = ida.run("mfa", "--code-stdin", stdin=f"{next_code(ida)}\n")
    assert done.returncode == 0, done.stderr
    done_by_ssh = house.ssh(ida, "echo opened")
    assert (done_by_ssh.returncode, done_by_ssh.stdout) == (0, b"opened\n"), done_by_ssh.stderr
    verified = house.events("--user", "ida", "--type", "mfa.verified")
    assert [one["fields"]["purpose"] for one in verified] == ["ahead"]


def test_what_no_code_can_make_good_is_said_and_not_asked_for(house: House) -> None:
    joe = person(house, "joe", "{require_session_mfa: webauthn}")
    with asking(house, joe) as terminal:
        assert terminal.wait() == 255
    assert "needs a passkey for each session, which ssh can not ask for" in terminal.screen
    assert PROMPT not in terminal.screen
    refused = house.events("--user", "joe", "--type", "session.refused")
    assert refused[0]["fields"]["reason"] == "passkey_required"
