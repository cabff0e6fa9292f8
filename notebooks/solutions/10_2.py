mine = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
answer = os.urandom(32)
send(mine, answer, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
sealed = kms.encrypt(KeyId=mine, Plaintext=letter)["CiphertextBlob"]
check.lesson10.ex2(lab, letter, sealed, answer)
