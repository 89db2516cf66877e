"""Collaborative filtering: members that learn from who did what, one file each."""
