"""Choosing one configuration of a front."""
