"""Experiments on list versions: who gets which variant, what people did, and what may be concluded."""
