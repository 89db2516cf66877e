"""The demo shop: a simulated phone retailer whose customers' true preferences are known.

`shop.generate` makes it, `shop.add_day` runs it on, `handpick.dataset.oracle` gives the best possible ranking.
"""
