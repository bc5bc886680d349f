"""Recordings on the gateway: written before anything is forwarded, synced, sealed, shipped."""
