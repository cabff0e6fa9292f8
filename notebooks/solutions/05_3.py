answer = kms.re_encrypt(
    CiphertextBlob=record["key"],
    SourceEncryptionContext=record["context"],
    DestinationKeyId=archive,
    DestinationEncryptionContext=record["context"],
)["CiphertextBlob"]
check.lesson05.ex3(lab, record, archive, answer)
