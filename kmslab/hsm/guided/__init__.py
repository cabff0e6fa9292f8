"""An HSM of the learner's own (`lab.hsm`), in PKCS#11's words: roles, keys, attributes, refusals.

Everything is python-pkcs11's: these are thin wrappers that check what is given, since SoftHSM2 and
python-pkcs11 do not, and that turn a refusal into one line with PKCS#11's return value.
"""
