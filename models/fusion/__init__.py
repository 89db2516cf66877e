"""Ways to make one vector of several modalities, any of which may be missing."""
