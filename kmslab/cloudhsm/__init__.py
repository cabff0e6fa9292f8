"""AWS CloudHSM: clusters of HSMs that are only yours, their users, keys and backups."""
