"""Executors that run the trials; the only home of Ray."""
