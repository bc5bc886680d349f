"""A decision's trace as the log keeps it: every step, and the digest that ties a session to it."""

import hashlib
from typing import Any, Final

import msgspec

from doorward.domain.access.verdict import Allow, Decision

STEPS_MAX: Final = 512
OUTCOME_ALLOW: Final = "allow"
OUTCOME_DENY: Final = "deny"


def trace_lines(decision: Decision) -> list[list[str]]:
    """Each step as source, rule, value and outcome; bounded."""
    return [[step.source, step.rule, step.value, step.outcome.value] for step in decision.trace[:STEPS_MAX]]


def trace_digest(decision: Decision) -> str:
    """SHA-256 of the trace, in hex."""
    return hashlib.sha256(msgspec.json.encode(trace_lines(decision))).hexdigest()


def trace_fields(decision: Decision) -> dict[str, Any]:
    """What the event of a decision holds of it."""
    lines = trace_lines(decision)
    fields: dict[str, Any] = {
        "trace_sha256": hashlib.sha256(msgspec.json.encode(lines)).hexdigest(),
        "trace": {"steps": lines, "left_out": max(0, len(decision.trace) - STEPS_MAX)},
    }
    if isinstance(decision, Allow):
        return {**fields, "outcome": OUTCOME_ALLOW, "basis": decision.basis, "reasons": []}
    return {**fields, "outcome": OUTCOME_DENY, "reasons": [reason.value for reason in decision.reasons]}
