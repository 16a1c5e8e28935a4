"""Exports the configuration that was chosen."""
