of_blood = {"StringEquals": {"kms:EncryptionContext:kind": "blood"}}
answer = {
    "key": [allow("kms:Decrypt", Principal={"AWS": results.arn}, Condition=of_blood)],
    "role": [allow("kms:Decrypt", blood)],
}
check.lesson08.ex2(lab, blood, results, answer)
