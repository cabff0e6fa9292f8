context = {"patient": "23", "kind": "letter"}
answer = kms.encrypt(KeyId=key, Plaintext=letter, EncryptionContext=context)["CiphertextBlob"]
check.lesson00.ex1(kms, letter, answer)
