"""One module per thing that someone can do; each checks permission, decides, and saves state with its events."""
