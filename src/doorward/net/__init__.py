"""asyncio meets bytes: the one port, listeners, splicing, supervision of long-lived tasks."""
