"""Replaying a recording in a terminal: keys, controls, player."""
