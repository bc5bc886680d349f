"""One SSH connection of ours inside a channel of another: the channel is its transport, in memory.

No socket between the two (ADR 0024): bytes go from one to the other as they are decrypted, and each side's limit stops
the other. What the outer connection can not take stops the inner one, through the channel's window or its socket.
"""

import asyncio
from enum import Enum
from typing import Any, Final

from doorward.gateway.ssh.asyncssh_channels import RelayChannel
from doorward.gateway.ssh.asyncssh_internals import UserConnection


class Block(Enum):
    """Why nothing can be written for now."""

    CHANNEL = "the channel's window or buffer is full"
    CONNECTION = "the outer connection takes no more"


class CarriedConnection(asyncio.Transport):
    """The end of the outer channel and the transport of the inner connection, in one.

    A `ChannelEnd` towards the channel. The inner connection begins when the channel is open and ends with it.
    """

    def __init__(self, inner: UserConnection) -> None:
        super().__init__()
        self.inner: Final = inner
        self._channel: RelayChannel | None = None
        self._blocks: set[Block] = set()
        self._is_over = False

    # --- what the outer channel says ---

    def connection_made(self, chan: RelayChannel) -> None:
        """The channel is open: the inner handshake begins."""
        self._channel = chan
        self.inner.connection_made(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is gone, and so is the connection in it."""
        self._is_over = True
        self.inner.connection_lost(None)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Bytes of the inner connection; error output has no meaning here."""
        if datatype is None and not self._is_over:
            self.inner.data_received(data)

    def eof_received(self) -> bool:
        """Half a connection is none."""
        self.inner.eof_received()
        return True

    def pause_writing(self) -> None:
        """The channel is full."""
        self.block(Block.CHANNEL)

    def resume_writing(self) -> None:
        """The channel takes more."""
        self.unblock(Block.CHANNEL)

    def request_received(self, name: bytes, data: bytes, *, want_reply: bool) -> None:
        """A forwarded connection knows no requests."""
        if want_reply and self._channel is not None:
            self._channel.respond(ok=False)

    def response_received(self, *, ok: bool) -> None:
        """Nothing was asked."""

    def block(self, why: Block) -> None:
        """Let the inner connection send no more."""
        if not self._blocks and not self._is_over:
            self.inner.pause_writing()
        self._blocks.add(why)

    def unblock(self, why: Block) -> None:
        """The inverse of `block`."""
        if why in self._blocks:
            self._blocks.remove(why)
            if not self._blocks and not self._is_over:
                self.inner.resume_writing()

    # --- what the inner connection asks of its transport ---

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """There is no socket to tell of."""
        return default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The channel has limits of its own."""

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        """Send; after the end into nothing, as sockets do."""
        if self._channel is not None and self._channel.is_open:
            self._channel.write(bytes(data))

    def can_write_eof(self) -> bool:
        """Channels can."""
        return True

    def write_eof(self) -> None:
        """Nothing more is sent."""
        if self._channel is not None:
            self._channel.write_eof()

    def pause_reading(self) -> None:
        """Take nothing from the channel for now."""
        if self._channel is not None:
            self._channel.pause_reading()

    def resume_reading(self) -> None:
        """Take from the channel again."""
        if self._channel is not None:
            self._channel.resume_reading()

    def is_closing(self) -> bool:
        """Whether the end has begun."""
        return self._is_over or self._channel is None or not self._channel.is_open

    def close(self) -> None:
        """End the channel once all that was written has left."""
        if self._channel is not None:
            self._channel.close()

    def abort(self) -> None:
        """End the channel now."""
        if self._channel is not None:
            self._channel.abort()
