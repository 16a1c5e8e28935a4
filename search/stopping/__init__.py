"""Which trials end before their trainings do."""
