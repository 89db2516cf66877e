"""How the fusion model is trained."""
