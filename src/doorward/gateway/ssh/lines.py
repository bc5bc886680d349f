"""What users are told, in one line each."""

from typing import Final

PREFIX: Final = "doorward: "
OVER: Final = "doorward: this session is over"
EXPIRED: Final = "doorward: the time of this session is over"
IDLE: Final = "doorward: the session was idle for too long and was closed"
CONTROL_LOST: Final = "doorward: the authority has been out of reach for too long; the session was closed"
NO_CONTROL: Final = "doorward: the authority can not be reached, so nothing new can be opened; try again in a moment"
FLOOD: Final = "doorward: more was asked on one channel than can be passed on; the session was closed"
FACTOR_OLD: Final = "doorward: your second factor is too old for anything new; connect again to give a fresh one"
NODE_CLOSED: Final = "doorward: the node closed the connection"
RECORDER_FAILED: Final = "doorward: this session can not be recorded any more, and was closed"
QUOTA: Final = "doorward: the recording of this session has reached its limit, and the session was closed"
NO_ROOM: Final = "doorward: too much that was recorded waits to be stored, so no session begins; try again in a moment"
JUMP_ONLY: Final = "doorward: from here only nodes can be reached: ssh -J GATEWAY account@node.{suffix}, port 22"
JUMP_OVER: Final = "doorward: your sign-in is over: sign in again with `dw login`"
JUMP_LEADS_NOWHERE: Final = "doorward: too many refusals through this connection; is your sign-in over? See `dw status`"
JUMPS_MAX: Final = "doorward: too many connections inside this one"
ANOTHER_USER: Final = "doorward: this connection is inside one of another user"
NODE_TWICE: Final = "doorward: the host says already which node; write account@node.{suffix}"
BROKEN_PLAN: Final = "doorward: the authority and this gateway do not understand each other; tell your administrators"
ASK_CODE: Final = "doorward: this session needs your second factor."
ASK_AGAIN: Final = "doorward: {why}"
PROMPT_CODE: Final = "Code: "
FULL: Final = "doorward: too many connections; try again in a moment"
STOPPING: Final = "doorward: this gateway is going away"
UNASKED: Final = "doorward: the node opened a channel that nobody asked for; it was refused"
TOO_FAST: Final = "doorward: more is opened than can be written down; try again in a moment"
TOO_MANY_NAMES: Final = "doorward: you ask for too many nodes at once; try again in a moment"
NOT_LISTENING: Final = "doorward: the node does not listen there for you"


def said(message: str) -> str:
    """A refusal's message, the authority's or ours, as users see it between lines of ssh and of the node."""
    return message if message.startswith(PREFIX) else PREFIX + message
