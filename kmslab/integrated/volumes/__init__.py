"""EBS volumes of Amazon EC2: a data key for each, lent to the host by a grant while attached."""
