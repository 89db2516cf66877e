"""Erases a person from everything that Handpick holds, and keeps a proof without the person in it."""

from handpick.pipeline.erase.erase_user import Erasure, erase_user
from handpick.pipeline.erase.proof import list_proofs

__all__ = ["Erasure", "erase_user", "list_proofs"]
