others = {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/break-glass"}}
answer = [deny("kms:ScheduleKeyDeletion", Condition=others)]
check.lesson08.ex3(lab, answer)
