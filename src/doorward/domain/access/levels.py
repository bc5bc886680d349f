"""Ordered answers: how strong a second factor, what a device must be (how much is recorded: `domain.recording`).

They are ordered so that the strictest of several is their maximum.
"""

from enum import IntEnum
from typing import TypeVar

from doorward.base.errors import Invalid
from doorward.domain.recording.levels import RecordingLevel


class SecondFactor(IntEnum):
    """How strong a second factor a session asks for, or a person gave."""

    NO = 0
    YES = 1
    WEBAUTHN = 2

    @property
    def text(self) -> str:
        return self.name.lower()


class DeviceTrust(IntEnum):
    """Whether the device must be a trusted one; machines have no device."""

    OFF = 0
    OPTIONAL = 1
    REQUIRED_FOR_HUMANS = 2
    REQUIRED = 3

    @property
    def text(self) -> str:
        return self.name.lower().replace("_", "-")


_Level = TypeVar("_Level", SecondFactor, RecordingLevel, DeviceTrust)


def second_factor(text: object) -> SecondFactor:
    """The inverse of `text`."""
    return _named(SecondFactor, text)


def recording_level(text: object) -> RecordingLevel:
    """The inverse of `text`."""
    return _named(RecordingLevel, text)


def device_trust(text: object) -> DeviceTrust:
    """The inverse of `text`."""
    return _named(DeviceTrust, text)


def _named(levels: type[_Level], text: object) -> _Level:
    for level in levels:
        if level.text == text:
            return level
    raise Invalid(f"reading a level: one of {', '.join(level.text for level in levels)} is expected")
