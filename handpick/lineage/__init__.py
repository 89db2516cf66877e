"""Lineage: which columns every column is made of, from the serving tables back to the landing files."""
