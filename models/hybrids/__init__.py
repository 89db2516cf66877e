"""Hybrid recommenders: several members of the family combined into one."""
