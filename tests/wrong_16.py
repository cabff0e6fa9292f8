"""Wrong answers to the exercises of lesson 16, and a word of what its checks have to say."""

_REVOKE = 'clinic.client("kms").revoke_grant(KeyId=case.keys["records"], GrantId=case.facts.grant)'
_ALLOW = '{"Effect": "Allow", "Action": "kms:CreateGrant", "Resource": "*"'
_DEPLOY = 'clinic.role("deploy").put_policy("lend-keys", '

WRONG: dict[str, list[tuple[str, str]]] = {
    "16_1": [
        ('{e["requestParameters"]["encryptionContext"]["patient"] '
         'for e in week.by("555555555555")}', "52: asked for, and KMS did not open it"),
        ('{e["requestParameters"]["encryptionContext"]["patient"] for e in week.named("Decrypt") '
         'if e["sourceIPAddress"] == "203.0.113.66" and "errorCode" not in e}',
         "came again, from another address"),
        ('{"23", "31"}', "4 of 6 patients are missing"),
        ('{e["requestParameters"]["encryptionContext"]["patient"] '
         'for e in week.by("222222222222")}', "more: the intruder opened nothing of theirs."),
        ("set()", "6 of 6 patients are missing. "),
        ('{"99"}', "no such patient"),
        ("23", "a set of numbers is due"),
        ('"23"', "a set of numbers is due"),
    ],
    "16_2": [
        ('("deploy", case.facts.grant)', "that is the role; name its session."),
        ('(f"arn:aws:iam::{clinic.account}:role/deploy", case.facts.grant)', "that is the role"),
        ('("arn:aws:iam::555555555555:user/helper", case.facts.grant)', "that is who used"),
        ('("account 555555555555", case.facts.grant)', "that is who used"),
        ('("deploy/build-805", case.facts.grant)', "was not made by 'deploy/build-805'"),
        ('("build-804", week.by("build-804").named("CreateGrant")[0]["responseElements"]'
         '["grantId"])', "who works here"),
        ('("build-804", "0" * 64)', "no CreateGrant"),
        ('week.named("CreateGrant")[4]', "two texts are due"),
    ],
    "16_3": [
        ("False", "set answer to True"),
        ("True", "account 555555555555 opens a letter, and it works"),
        (f"[{_REVOKE}, True][-1]", "for everything to account 555555555555, and it works"),
        (f'[{_DEPLOY}[{_ALLOW}, "Condition": {{"Null": {{"kms:GrantConstraintType": "false"}}'
         "}}]), True][-1]", "for X-rays to account 555555555555, and it works"),
        (f'[{_DEPLOY}[{_ALLOW}, "Condition": {{"StringNotEquals": {{"kms:GranteePrincipal": '
         '"arn:aws:iam::555555555555:user/helper"}}}]), True][-1]', "to a laboratory's user"),
        ('[clinic.role("deploy").put_policy("more", [{"Effect": "Allow", "Action": "kms:ListKeys", '
         '"Resource": "*"}]), clinic.role("deploy").put_policy("lend-keys", '
         f'[{_ALLOW}}}]), True][-1]', "old `lend-keys` still allows it: replace it"),
        ('[clinic.role("deploy").delete_policy("more"), '
         'clinic.role("deploy").delete_policy("lend-keys"), True][-1]',
         "deploy lends X-rays to the scanner, and it is refused"),
        ('[clinic.client("kms").disable_key(KeyId=case.keys["records"]), True][-1]',
         "alice reads a letter, and it is refused"),
        ('[clinic.client("kms").enable_key(KeyId=case.keys["records"]), 1][-1]', "answer to True"),
    ],
}  # fmt: skip
