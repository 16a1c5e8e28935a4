"""Programs that go with exported models: what turns a sentence or an image file into inputs, and outputs into words.

They are copied into exports side by side, so that they import nothing of Paredown but one another.
"""
