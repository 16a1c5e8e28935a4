"""Suggests the recipe that is tried next."""
