"""Parts of networks: what they are built of, and what can take their place."""
