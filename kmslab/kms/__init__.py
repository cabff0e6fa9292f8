"""The KMS service: one module a topic, one function an operation."""
