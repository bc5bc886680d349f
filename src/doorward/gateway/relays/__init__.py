"""The rules of a session: what passes, what is recorded, what ends it; pure."""
