"""The demo shop: a simulated phone retailer whose customers' true preferences are known.

`shop.generate_shop` makes it, `shop.add_day` simulates one more day, `handpick.dataset.oracle` gives the best
possible ranking.
"""
