"""Which recipes are tried, in what order, and what came of them."""
