phone = {"StringEquals": {"kms:EncryptionContext:kind": "phone"}}
more = statement(lab.role("reminders").arn, "kms:Decrypt", Condition=phone)
answer = {**before, "Statement": [*before["Statement"], more]}
check.lesson07.ex2(lab, answer)
