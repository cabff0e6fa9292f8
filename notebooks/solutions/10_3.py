answer = {}
for patient in ("17", "31"):
    one = kms.create_key(Description=patient)["KeyMetadata"]["KeyId"]
    answer[patient] = kms.encrypt(KeyId=one, Plaintext=letter)["CiphertextBlob"]
kms.schedule_key_deletion(KeyId=one, PendingWindowInDays=7)  # the last one: 31's
check.lesson10.ex3(lab, letter, answer)
