"""What is AWS's rather than KMS's: calls and callers, boto3 clients, validation, regions."""
