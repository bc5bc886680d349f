"""SFTP version 3 read along: packets, requests and answers, never re-encoded (draft-ietf-secsh-filexfer-02)."""
