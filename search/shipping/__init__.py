"""What is exported of the configuration that was chosen."""
