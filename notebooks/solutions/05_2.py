opened = kms.decrypt(CiphertextBlob=record["key"], EncryptionContext=record["context"])
answer = AESGCM(opened["Plaintext"]).decrypt(record["nonce"], record["data"], None)
check.lesson05.ex2(visits, answer)
