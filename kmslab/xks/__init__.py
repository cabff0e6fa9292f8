"""An external key store proxy (XKS proxy) of one's own, and the API that AWS KMS speaks to it."""
