"""Where the authority keeps recordings: a directory here, an object store beside it later."""
