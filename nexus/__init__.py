"""Plumbing behind the notebooks. What a page teaches stands in its cells, never here."""
