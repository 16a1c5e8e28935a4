"""A sweep as tables, pictures, pages and data; the only home of matplotlib."""
