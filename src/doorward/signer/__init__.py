"""The only holder of keys: typed requests, ceilings that it enforces itself, over one unix socket."""
