"""What a session's recording is: levels, frames, container, manifest, playback; pure, without I/O."""
