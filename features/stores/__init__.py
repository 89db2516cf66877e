"""Feast stores and a batch engine that write columns, not rows; what they write, unmodified Feast reads."""
