admin, records = clinic.client("kms"), case.keys["records"]
for grant in admin.list_grants(KeyId=records)["Grants"]:
    if ":555555555555:" in grant["GranteePrincipal"]:
        admin.revoke_grant(KeyId=records, GrantId=grant["GrantId"])
look = {"Effect": "Allow", "Action": ["kms:DescribeKey", "kms:ListGrants"], "Resource": "*"}
scanner = {"StringEquals": {"kms:GranteePrincipal": clinic.role("scanner").arn}}
lend = {"Effect": "Allow", "Action": "kms:CreateGrant", "Resource": "*", "Condition": scanner}
clinic.role("deploy").put_policy("lend-keys", [look, lend])
answer = True
check.lesson16.ex3(case, answer)
