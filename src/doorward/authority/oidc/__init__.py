"""The client of identity providers: bounded HTTP, discovery, tokens, and what must not be stored."""
