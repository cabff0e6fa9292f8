[made] = [
    event
    for event in week.named("CreateGrant")
    if ":555555555555:" in event["requestParameters"]["granteePrincipal"]
]
answer = made["userIdentity"]["arn"], made["responseElements"]["grantId"]
check.lesson16.ex2(case, answer)
