"""Names of the lake tables of the lists, and of what explains them."""

LIST_TABLES = ("lists/recommendations", "lists/similar_items", "lists/popular_items")
"""The tables of the lists, in the order in which their digest covers them."""
USER_FACTS, PHONE_FACTS = "lists/user_facts", "lists/phone_facts"
MASKS_FILE, ABOUT_FILE = "masks.npz", "about.json"
"""Beside the phones: `{rule: (kinds, items) bool}` and what holds for all lists."""
ARM = "arm="
"""Start of the names of the folders of the arms of experiments; without one everybody is in the first."""
