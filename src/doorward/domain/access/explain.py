"""Decisions in words, cut to what the asker may know.

Who asks about oneself learns which of one's own roles and values mattered, and the message of a lock, but nothing of
resources that no held role knows: for these the answer is that of a resource that does not exist. Lines hold foreign
text; whoever prints them sends them through `for_terminal`.
"""

from datetime import timedelta
from typing import Final

from doorward.base.duration import format_duration
from doorward.base.moment_text import moment_text
from doorward.domain.access.levels import DeviceTrust, SecondFactor
from doorward.domain.access.obligations import NO_TIME, Obligations
from doorward.domain.access.question import Target, Wanted
from doorward.domain.access.verdict import STANDING, Decision, Deny, Outcome, Reason, Step

REASONS: Final = {
    Reason.LOCKED: "a lock is in force",
    Reason.DENIED: "a role denies it",
    Reason.NOT_ALLOWED: "no single role allows this account on this resource",
    Reason.BROKEN_RULE: "a rule could not be evaluated, which denies",
    Reason.NO_SUCH_BASIS: "the chosen basis does not give it",
    Reason.MALFORMED: "the question is incomplete",
    Reason.OVER: "the sign-in has ended",
}
_DEVICES: Final = {
    DeviceTrust.OPTIONAL: "a trusted device is welcome, and not needed",
    DeviceTrust.REQUIRED_FOR_HUMANS: "needs a trusted device, of everybody but machines",
    DeviceTrust.REQUIRED: "needs a trusted device",
}
UNKNOWN_LINE: Final = "no such resource, or it is not for you"


def explain(
    decision: Decision, target: Target, wanted: Wanted, *, knows: bool, overseer: bool = False
) -> tuple[str, ...]:
    """Lines that say what was decided and why.

    `knows` is `may_know` for the asker; without it, nothing but the answer for a resource that does not exist. An
    `overseer` (who has the right over person and resource) sees the names of locks as well.
    """
    if not knows:
        return (UNKNOWN_LINE,)
    account = ", ".join(f"{name} {value}" for name, value in wanted.named)
    asked = f"{account} on {target.kind} {target.name}"
    if isinstance(decision, Deny):
        reasons = (f"because {REASONS[reason]}" for reason in decision.reasons)
        return (f"denied: {asked}", *reasons, *_steps(decision.trace, overseer=overseer))
    basis = "standing roles" if decision.basis == STANDING else f"grant {decision.basis}"
    return (
        f"allowed: {asked}",
        f"on the basis of {basis}, until {moment_text(decision.until)}",
        *_steps(decision.trace, overseer=overseer),
        *obligation_lines(decision.obligations),
    )


def step_line(step: Step) -> str:
    """One step of a trace in words."""
    value = f" ({step.value})" if step.value else ""
    verb = {Outcome.MATCHED: "matches", Outcome.MISSED: "does not match", Outcome.BROKEN: "can not be evaluated"}
    return f"{step.source}: {step.rule} {verb[step.outcome]}{value}"


def obligation_lines(obligations: Obligations) -> tuple[str, ...]:
    """Every obligation in words; one that asks for nothing has no line."""
    longest, idle = format_duration(obligations.max_session_ttl), format_duration(obligations.client_idle_timeout)
    lines = [
        f"at most {longest} long, idle at most {idle}",
        f"at most {obligations.max_connections} connections at once, with {obligations.max_sessions} channels in each",
        f"recorded at level {obligations.recording.text}",
        *_owed_lines(obligations),
        f"without sight of the locks: {_outliving(obligations.lock)}",
        f"without the authority: {_outliving(obligations.on_control_loss)}",
    ]
    forbidden = [
        name
        for name, permitted in (
            ("shells", obligations.permit_shell),
            ("commands", obligations.permit_exec),
            ("file copies", obligations.file_copy),
            ("local forwarding", obligations.port_forwarding_local),
            ("remote forwarding", obligations.port_forwarding_remote),
            ("agent forwarding", obligations.forward_agent),
        )
        if not permitted
    ]
    return (*lines, *((f"not permitted: {', '.join(forbidden)}",) if forbidden else ()))


def _owed_lines(obligations: Obligations) -> list[str]:
    """What must be given, or be so, before anything opens."""
    lines: list[str] = []
    if obligations.require_session_mfa is not SecondFactor.NO:
        factor = "a security key" if obligations.require_session_mfa is SecondFactor.WEBAUTHN else "a second factor"
        lines.append(f"asks for {factor}")
        interval = obligations.mfa_verification_interval
        if interval > NO_TIME:
            lines.append(f"one given from the same address within {format_duration(interval)} counts")
        else:
            lines.append("one given for another session does not count")
    if obligations.device_trust is not DeviceTrust.OFF:
        lines.append(_DEVICES[obligations.device_trust])
    if obligations.pin_source_ip:
        lines.append("only from the address where the sign-in was made")
    return lines


def _outliving(time: timedelta) -> str:
    return f"goes on for {format_duration(time)}, then ends" if time > NO_TIME else "ends at once"


def _steps(trace: tuple[Step, ...], *, overseer: bool) -> list[str]:
    lines: list[str] = []
    for step in trace:
        if step.rule == "lock" and not overseer:
            lines.append(f"lock: {step.value}" if step.value else "lock")
        else:
            lines.append(step_line(step))
    return lines
