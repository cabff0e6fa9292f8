who, folder = {"AWS": reader.arn}, "arn:aws:s3:::clinic-shared/laboratory/*"
through_s3 = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
answer = {
    "bucket": [allow("s3:GetObject", folder, Principal=who)],
    "key": [allow("kms:Decrypt", Principal=who, Condition=through_s3)],
    "reader": [allow("s3:GetObject", folder), allow("kms:Decrypt", key)],
}
check.lesson11.ex3(lab, key, reader, answer)
