"""Column lineage from the serving tables back to the landing files, also as OpenLineage events."""
