"""The nouns and their rules, pure: no I/O, no asyncio, no clock."""
