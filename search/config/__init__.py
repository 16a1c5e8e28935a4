"""Configuration of a sweep: its file, read and checked."""
