"""Which recipe is tried next."""
