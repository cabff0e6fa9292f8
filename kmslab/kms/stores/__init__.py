"""Custom key stores: KMS keys whose material is in a CloudHSM cluster or behind an XKS proxy."""
