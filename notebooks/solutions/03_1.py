def seal(patient, note):
    context = {"patient": patient}
    made = kms.encrypt(KeyId=key, Plaintext=note, EncryptionContext=context)
    return made["CiphertextBlob"]


def read(patient, blob):
    context = {"patient": patient}
    opened = kms.decrypt(KeyId=key, CiphertextBlob=blob, EncryptionContext=context)
    return opened["Plaintext"]


answer = (seal, read)
check.lesson03.ex1(lab, answer)
