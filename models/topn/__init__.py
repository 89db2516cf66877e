"""Top-N retrieval: arrays of users, items, masks and scores in, arrays of item indices and scores out."""
