"""Feast stores and a batch engine that write whole columns instead of rows."""
