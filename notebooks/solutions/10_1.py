kms.enable_key_rotation(KeyId=visits)
lab.clock.advance(days=731)
answer = kms.re_encrypt(CiphertextBlob=first, DestinationKeyId=visits)["CiphertextBlob"]
check.lesson10.ex1(lab, first, answer)
