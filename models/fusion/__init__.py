"""Fusions: modules that make one vector of several modality vectors, any of which may be missing.

Names of submodules and parameters are keys of stored weights: renaming one makes saved models unreadable.
"""
