"""The exact top-N: factors and masks in, ranked items and scores out, the same to the last bit on every path."""
