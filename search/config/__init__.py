"""What a sweep is asked for: its file, read and checked."""
