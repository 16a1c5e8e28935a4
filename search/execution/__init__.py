"""Who runs the trials; the only home of Ray."""
