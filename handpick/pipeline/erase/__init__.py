"""Erases a person from everything that Handpick holds, and keeps a proof without the person in it."""
