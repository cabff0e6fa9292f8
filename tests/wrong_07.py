"""Wrong answers to the exercises of lesson 07, each with a word of what the check says of it."""

from __future__ import annotations

_OTHER = '[each for each in leaky["Statement"] if each["Sid"] != {!r}]'
_PHONE = '{"StringEquals": {"kms:EncryptionContext:kind": "phone"}}'
_MORE = '{{**before, "Statement": [*before["Statement"], statement({})]}}'
_ROLE = 'lab.role("reminders").arn'
_OWNER = (
    'owner=statement(root, "kms:*", Condition={"StringEquals": {"aws:PrincipalArn": root}}), '
    "doctors=doctors"
)
_KEEPER = 'statement(bob.arn, "kms:DescribeKey", "kms:DisableKey", "kms:EnableKey"'

WRONG: dict[str, list[tuple[str, str]]] = {
    "07_1": [
        ("leaky", "can still take the whole key over"),
        ('"auditors"', "it is no JSON"),
        ("7", "a policy is due, not 7"),
        ("{}", "it has no statement"),
        ("policy()", "it has no statement"),
        (_OTHER.format("auditors"), "user/erin may not kms:GetKeyLastUsage any more"),
        (_OTHER.format("administrators"), "user/bob may not kms:DisableKey any more"),
        ("policy(account=account)", "may not kms:DescribeKey any more"),
        (
            '[*leaky["Statement"], statement("*", "kms:PutKeyPolicy", Effect="Deny")]',
            "AWS refuses to save it: The new key policy will not allow you to update",
        ),
        (
            '[*leaky["Statement"], statement(lab.user("erin").arn, "kms:*", Effect="Deny")]',
            "user/erin may not kms:DescribeKey any more",
        ),
        (
            '[*leaky["Statement"], statement(lab.user("erin").arn, "kms:Decrypt")]',
            "now user/erin may kms:Decrypt as well",
        ),
    ],
    "07_2": [
        ("before", "a session monday of reminders asks with {'kind': 'phone'}: AccessDenied"),
        (_MORE.format(f'{_ROLE}, "kms:Decrypt"'), "decrypt with {'kind': 'diagnosis'} as well"),
        (
            _MORE.format(
                f'{_ROLE}, "kms:Decrypt", Condition='
                '{"StringEqualsIgnoreCase": {"kms:EncryptionContext:kind": "phone"}}'
            ),
            "decrypt with {'kind': 'Phone'} as well",
        ),
        (
            _MORE.format(
                f'{_ROLE}, "kms:Decrypt", Condition='
                '{"StringLike": {"kms:EncryptionContext:kind": "phone*"}}'
            ),
            "decrypt with {'kind': 'phone-2'} as well",
        ),
        (
            _MORE.format(
                f'{_ROLE}, "kms:Decrypt", Condition='
                '{"StringLike": {"kms:EncryptionContext:kind": "*phone"}}'
            ),
            "decrypt with {'kind': 'telephone'} as well",
        ),
        (
            _MORE.format(
                f'{_ROLE}, "kms:Decrypt", Condition='
                '{"StringEqualsIfExists": {"kms:EncryptionContext:kind": "phone"}}'
            ),
            "decrypt with no context as well",
        ),
        (
            _MORE.format(
                f'lab.role("reminders").session("monday").arn, "kms:Decrypt", Condition={_PHONE}'
            ),
            "a session tuesday",
        ),
        (
            _MORE.format(f'{_ROLE}, "kms:*", Condition={_PHONE}'),
            "reminders/any may kms:CreateGrant with kind=phone as well",
        ),
        (
            _MORE.format(f'{_ROLE}, "kms:Decrypt", "kms:CreateGrant", Condition={_PHONE}'),
            "reminders/any may kms:CreateGrant with kind=phone as well",
        ),
        (
            _MORE.format(f'root, "kms:Decrypt", Condition={_PHONE}'),
            "asks with {'kind': 'phone'}: AccessDenied",
        ),
        (
            _MORE.format(f'"*", "kms:Decrypt", Condition={_PHONE}'),
            "backup/any may kms:Decrypt with kind=phone as well",
        ),
        (
            f'policy(account=account, more=statement({_ROLE}, "kms:Decrypt", Condition={_PHONE}))',
            "user/alice may not kms:Decrypt any more",
        ),
        ('statement("nobody", "kms:Decrypt")', "'nobody' is no principal"),
    ],
    "07_3": [
        ("console", "user/bob can read, by way of CreateGrant"),
        ("policy(account=account)", "user/alice may not Decrypt"),
        (
            f'policy({_OWNER}, keeper={_KEEPER}, "kms:Put*"))',
            "user/bob can read, by way of PutKeyPolicy",
        ),
        (f"policy({_OWNER})", "user/bob may not DescribeKey"),
        (
            f"policy(account=account, doctors=doctors, keeper={_KEEPER}))",
            "user/admin can read",
        ),
        (f'policy({_OWNER}, keeper={_KEEPER}, "kms:CreateGrant"))', "by way of CreateGrant"),
        (f'policy({_OWNER}, keeper={_KEEPER}, "kms:ReEncrypt*"))', "by way of ReEncryptFrom"),
        (
            f"policy(account=account, doctors=doctors, keeper={_KEEPER}), "
            "never=statement([bob.arn, lab.admin.arn], *use, "
            '"kms:PutKeyPolicy", "kms:CreateGrant", Effect="Deny"))',
            "user/newcomer, who is an administrator by IAM, can read",
        ),
        (
            f'policy({_OWNER}, keeper={_KEEPER}), more=statement(alice.arn, "kms:PutKeyPolicy"))',
            "user/alice can put another policy",
        ),
        (
            f'policy(doctors=doctors, keeper={_KEEPER}), owner=statement(root, "kms:Describe*"))',
            "AWS refuses to save it: The new key policy will not allow",
        ),
        ("None", "a policy is due, not None"),
    ],
}
