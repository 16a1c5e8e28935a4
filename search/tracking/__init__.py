"""A sweep in MLflow; the only home of MLflow but for the command that serves its UI."""
