print(lab.trail().named("CreateGrant").tail(4))  # the laboratory made "results-2" itself

answer = {
    "revoke": ["results", "results-2"],
    "lend": [
        {
            "GranteePrincipal": lab.role("laboratory").arn,
            "Operations": ["Decrypt"],
            "Constraints": {"EncryptionContextSubset": {"patient": "31"}},
        }
    ],
}
check.lesson09.ex1(lab, answer)
