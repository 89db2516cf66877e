"""Encoders: from texts, pictures, sounds and specification sheets to vectors. Importing this imports no torch."""
