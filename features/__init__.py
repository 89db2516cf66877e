"""The Feast repository: entities, feature views, feature services."""
