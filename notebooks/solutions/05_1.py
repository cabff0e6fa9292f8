answer = kms.generate_data_key_without_plaintext(
    KeyId=key, KeySpec="AES_256", EncryptionContext={"table": "backup"}
)["CiphertextBlob"]
check.lesson05.ex1(lab, answer)
