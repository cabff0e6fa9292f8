only_root = {"StringEquals": {"aws:PrincipalArn": root}}
answer = policy(
    owner=statement(root, "kms:*", Condition=only_root),
    doctors=doctors,
    keeper=statement(bob.arn, "kms:DescribeKey", "kms:DisableKey", "kms:EnableKey"),
)
check.lesson07.ex3(lab, answer)
