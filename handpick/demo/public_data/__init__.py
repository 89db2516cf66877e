"""Importers that convert public data sets into landing files; validation is left to the night that lands them."""
