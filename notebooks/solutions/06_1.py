header = read_header(sealed)
answer = kms.re_encrypt(
    CiphertextBlob=header.encrypted_data_key,
    SourceEncryptionContext=header.context,
    DestinationKeyId=surgery,
    DestinationEncryptionContext=header.context,
)["CiphertextBlob"]
check.lesson06.ex1(lab, sealed, surgery, answer)
