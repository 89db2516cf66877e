"""The Feast repository: entities, sources, feature views, feature services, and the stores that hold them."""
