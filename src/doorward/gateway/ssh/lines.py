"""What users are told, in one line each."""

from typing import Final

OVER: Final = "doorward: this session is over"
EXPIRED: Final = "doorward: the time of this session is over"
IDLE: Final = "doorward: the session was idle for too long and was closed"
CONTROL_LOST: Final = "doorward: the authority has been out of reach for too long; the session was closed"
NO_CONTROL: Final = "doorward: the authority can not be reached, so nothing new can be opened; try again in a moment"
NODE_CLOSED: Final = "doorward: the node closed the connection"
RECORDER_FAILED: Final = "doorward: this session can not be recorded any more, and was closed"
QUOTA: Final = "doorward: the recording of this session has reached its limit, and the session was closed"
NO_JUMP: Final = "doorward: jump connections are not offered yet; use `ssh -p PORT account@node@gateway`"
BROKEN_PLAN: Final = "doorward: the authority and this gateway do not understand each other; tell your administrators"
ASK_CODE: Final = "doorward: this session needs your second factor."
PROMPT_CODE: Final = "Code: "
FULL: Final = "doorward: too many connections; try again in a moment"
STOPPING: Final = "doorward: this gateway is going away"
