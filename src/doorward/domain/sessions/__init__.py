"""One use of one resource: its record, its states, its plan, why it ended."""
