"""Replays: what a finished sweep would have found if it had been searched otherwise, told in virtual time."""
