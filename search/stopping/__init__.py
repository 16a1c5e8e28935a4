"""Early stopping: trials that end before their trainings do."""
