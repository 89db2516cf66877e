"""Column lineage, from the serving tables back to the landing files, as walks and as OpenLineage events."""
