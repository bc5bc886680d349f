"""What operations need, implemented: databases, blobs and key files."""
