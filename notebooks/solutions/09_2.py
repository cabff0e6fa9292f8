answer = {
    "GranteePrincipal": task.arn,  # the role's ARN would let in its other sessions
    "Operations": ["Decrypt", "RetireGrant"],
    "Constraints": {"EncryptionContextEquals": {"patient": "23", "kind": "blood"}},
}
check.lesson09.ex2(lab, task, answer)
