"""The lake tables of the lists, in the order in which their digest covers them."""

LIST_TABLES = ("lists/recommendations", "lists/similar_items", "lists/popular_items")
