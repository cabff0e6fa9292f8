"""What services share that encrypt with KMS: the walk of a request, and KMS for their callers."""
