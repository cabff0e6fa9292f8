opened = kms.decrypt(CiphertextBlob=found["key"], EncryptionContext=found["context"])
answer = AESGCM(opened["Plaintext"]).decrypt(found["nonce"], found["data"], None)
check.lesson05.ex2(lab, found, answer)
