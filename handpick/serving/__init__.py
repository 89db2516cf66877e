"""The serving database: where it is, what lies in it, and moving between list versions."""
