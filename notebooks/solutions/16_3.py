grant = made["responseElements"]["grantId"]
records = case.keys["records"]
if clinic.client("kms").list_grants(KeyId=records, GrantId=grant)["Grants"]:
    clinic.client("kms").revoke_grant(KeyId=records, GrantId=grant)
look = {"Effect": "Allow", "Action": ["kms:DescribeKey", "kms:ListGrants"], "Resource": "*"}
scanner = {"StringEquals": {"kms:GranteePrincipal": clinic.role("scanner").arn}}
lend = {"Effect": "Allow", "Action": "kms:CreateGrant", "Resource": "*", "Condition": scanner}
clinic.role("deploy").put_policy("lend-keys", [look, lend])
answer = True
check.lesson16.ex3(case, answer)
