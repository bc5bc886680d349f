"""The authorities' keys as encrypted files, and where the key that opens them comes from."""
