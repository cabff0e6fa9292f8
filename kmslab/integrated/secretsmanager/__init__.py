"""AWS Secrets Manager: a data key for each version of a secret."""
