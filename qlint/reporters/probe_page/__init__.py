"""The page of ``qlint probe``: one module a section, and what they share."""
