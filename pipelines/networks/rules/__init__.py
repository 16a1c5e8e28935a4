"""What operators do with axes: for each kind, which dimensions of what it gives are which of what it is given."""
