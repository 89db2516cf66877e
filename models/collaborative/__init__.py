"""Collaborative filtering: members that learn from interactions alone, one file each."""
