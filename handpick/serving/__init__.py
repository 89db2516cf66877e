"""The serving database: connections, the schema that consumers read, and list versions."""
