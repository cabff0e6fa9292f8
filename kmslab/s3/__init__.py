"""S3: buckets and objects whose bytes on disk are ciphertext, under keys that KMS opens."""
