"""The nightly lists: exact top-N, rules, diversity, reasons."""
