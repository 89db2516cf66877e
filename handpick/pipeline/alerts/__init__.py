"""Alerts: what needs a person is told to its owners, once a night and cause, in words with the next step."""
