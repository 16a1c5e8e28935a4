"""Plans: what a sweep is about to do, told before it does it."""
