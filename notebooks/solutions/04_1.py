answer = kms.sign(
    KeyId=reports,
    Message=hashlib.sha384(xray).digest(),
    MessageType="DIGEST",
    SigningAlgorithm="ECDSA_SHA_384",
)["Signature"]
check.lesson04.ex1(kms, reports, xray, answer)
