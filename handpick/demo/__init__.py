"""The demo shop: a simulated phone retailer whose customers' true preferences are known.

`shop.generate` makes it, `shop.add_day` runs it on, `oracle.oracle_scores` gives the best possible ranking.
"""
