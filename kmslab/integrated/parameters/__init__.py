"""Parameter Store of AWS Systems Manager: a SecureString is what KMS encrypted itself."""
