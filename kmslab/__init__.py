"""kmslab: a small AWS KMS, with real HSMs, for learning by using it."""

from kmslab.lab import Lab

__all__ = ["Lab"]
