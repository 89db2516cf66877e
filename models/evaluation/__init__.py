"""Measuring lists: the split in time, metrics of one idea each, slices, intervals, exposure-corrected estimates."""
