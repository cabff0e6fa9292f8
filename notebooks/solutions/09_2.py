answer = {
    "GranteePrincipal": task.arn,  # this session alone; the role's ARN would do as well
    "Operations": ["Decrypt", "RetireGrant"],
    "Constraints": {"EncryptionContextEquals": {"patient": "23", "kind": "blood"}},
}
check.lesson09.ex2(lab, task, answer)
