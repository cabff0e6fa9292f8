ward, through_s3 = "arn:aws:s3:::clinic-ward", "s3.us-east-1.amazonaws.com"
condition = {
    "StringEquals": {"kms:ViaService": through_s3},
    # the object's ARN, or with a bucket key the bucket's
    "StringLike": {"kms:EncryptionContext:aws:s3:arn": [ward, f"{ward}/3/*"]},
}
answer = [allow("s3:GetObject", f"{ward}/3/*"), allow("kms:Decrypt", key, Condition=condition)]
check.lesson11.ex2(lab, key, answer)
