"""Analyses of a sweep's trials once they have ended."""
