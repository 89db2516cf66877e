"""Commands beside the stages, by theme; each module has `register(app)` and imports what it runs late."""
