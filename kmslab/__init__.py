"""kmslab: a small AWS KMS, with real HSMs, for learning by using it."""
