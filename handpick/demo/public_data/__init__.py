"""Turns public data as it is found into landing files; everything that is judged is left to the night."""
