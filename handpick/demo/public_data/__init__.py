"""Importers that convert public data sets into landing files.

Validation is left to the night that lands them.
"""
