"""What follows from a sweep's trials once they have ended."""
