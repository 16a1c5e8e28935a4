"""Training networks: the loop, what it follows, and what stages of one sweep share."""
