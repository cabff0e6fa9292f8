answer = kms.re_encrypt(
    CiphertextBlob=old["blob"],
    SourceEncryptionContext=old["context"],
    DestinationKeyId=archive,
    DestinationEncryptionContext={"list": "phones", "year": "2026"},
)["CiphertextBlob"]
check.lesson03.ex2(lab, old, archive, answer)
