"""The HSMs of the lab: SoftHSM2 through PKCS#11. Knows keys and tokens, nothing of AWS."""
