"""Wrong answers of lesson 08, with a word of what the check says."""

from __future__ import annotations

_BEHIND = '{"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}'
_GUARD = f'deny("kms:Decrypt", Principal={{"AWS": "*"}}, Condition={_BEHIND})'
_NULL = '{**not_billing, "Null": {"aws:PrincipalTag/dept": "false"}}'
_READ = f'allow("kms:Decrypt", xrays, Condition={_NULL})'
_ALL_KEYS = f'allow("kms:Decrypt", Condition={_NULL})'
_KIND = '{"StringEquals": {"kms:EncryptionContext:kind": "blood"}}'
_OURS = f'allow("kms:Decrypt", Principal={{"AWS": results.arn}}, Condition={_KIND})'
_LAB = '{"AWS": "arn:aws:iam::222222222222:root"}'
_GLASS = '"arn:aws:iam::*:role/break-glass"'
_DELETE = '"kms:ScheduleKeyDeletion"'

WRONG: dict[str, list[tuple[str, str]]] = {
    "08_1": [
        ("meant", "where aws:MultiFactorAuthPresent is absent, may do"),
        (f'{{"key": [account, {_GUARD}], "readers": meant["readers"]}}',
         "a reader without a department"),
        (f'{{"key": meant["key"], "readers": [{_READ}]}}', "is absent, may do"),
        (f'{{"key": [account, {_GUARD}, allow("kms:Decrypt", Principal={{"AWS": "*"}})], '
         f'"readers": [{_READ}]}}', "a reader of billing"),
        (f'{{"key": [account, {_GUARD}, allow("kms:Decrypt", Principal={{"AWS": "*"}}, '
         f'Condition={_NULL})], "readers": [{_READ}]}}', "who is no reader"),
        (f'{{"key": [account, {_GUARD}], "readers": [allow("kms:Decrypt", xrays, Condition='
         '{"StringEquals": {"aws:PrincipalTag/dept": "ward"}})]}', "of the kitchen, with a second"),
        (f'{{"key": [account, deny("kms:*", Principal={{"AWS": "*"}}, Condition={_BEHIND})], '
         f'"readers": [{_READ}]}}', "can't be saved"),
        (f'{{"key": [account, {_GUARD}]}}', 'the keys "key" and "readers"'),
        (f'{{"key": [account, {_GUARD}], "readers": [{_ALL_KEYS}]}}',
         "reader-of-kitchen may kms:Decrypt with another key as well"),
        (f'{{"key": [account, {_GUARD}], "readers": [{_READ}, allow("kms:Encrypt", xrays)]}}',
         "may kms:Encrypt with the X-rays' key as well"),
        (f'{{"key": [account, {_GUARD}, allow("kms:Decrypt", Principal={{"AWS": alice.arn}})], '
         f'"readers": [{_READ}]}}', "user/alice may kms:Decrypt with the X-rays' key as well"),
        (f'{{"key": [account, {_GUARD}], "readers": [allow("kms:Decrypt", xrays, '
         'Principal="*")]}', "readers: an IAM policy has no Principal"),
        (f'{{"key": [account, {_GUARD}], "readers": {{}}}}', "readers has no statement"),
        (f'{{"key": 1, "readers": [{_READ}]}}', "key: a list of statements is due"),
        (f"[{_READ}]", "a dict is due"),
    ],
    "08_2": [
        (f'{{"key": [{_OURS}], "role": [allow("kms:Encrypt", blood)]}}',
         "because no identity-based policy"),
        ('{"key": [allow("kms:Decrypt", Principal={"AWS": results.arn})], '
         '"role": [allow("kms:Decrypt", blood)]}', "with kind = x-ray, may do"),
        (f'{{"key": [allow("kms:Decrypt", Principal={_LAB}, Condition={_KIND})], '
         '"role": [allow("kms:Decrypt", blood)]}', "another role of that account"),
        (f'{{"key": [allow("kms:*", Principal={{"AWS": results.arn}}, Condition={_KIND})], '
         '"role": [allow("kms:Decrypt", blood)]}', "by your key policy, the role may do"),
        (f'{{"key": [{_OURS}], "role": [allow("kms:*", blood)]}}', "by its own policy, the role"),
        (f'{{"key": [{_OURS}], "role": [allow("kms:Decrypt")]}}', "on another key"),
        ('{"key": [allow("kms:Decrypt", Principal={"AWS": results.arn})], "role": '
         f'[allow("kms:Decrypt", blood, Condition={_KIND})]}}', "the role without a context"),
        ('{"key": [allow("kms:Decrypt", Principal={"AWS": results.arn}, Condition='
         '{"StringLike": {"kms:EncryptionContext:kind": "blood*"}})], '
         '"role": [allow("kms:Decrypt", blood)]}', "with kind = blood-2, may do"),
        ('{"key": [allow("kms:Decrypt", Principal={"AWS": results.arn}, Condition='
         '{"StringLike": {"kms:EncryptionContext:kind": "blood*"}})], "role": '
         f'[allow("kms:Decrypt", blood, Condition={_KIND})]}}',
         "by your key policy, the role with kind = blood-2"),
        (f'{{"key": [{_OURS}, allow("kms:Decrypt", Principal={{"AWS": alice.arn}})], '
         '"role": [allow("kms:Decrypt", blood)]}', "user/alice may kms:Decrypt with blood's key"),
        (f'{{"key": [{_OURS}], "role": [allow("kms:Decrypt", blood, Principal="*")]}}',
         "role: an IAM policy has no Principal"),
        ('{"key": [allow("kms:Decrypt", Principal={"AWS": "nobody"})], '
         '"role": [allow("kms:Decrypt", blood)]}', "the key policy can't be saved"),
        ("7", "a dict is due"),
    ],
    "08_3": [
        (f"deny({_DELETE})", "the role break-glass may not"),
        (f'deny({_DELETE}, Condition={{"ArnLike": {{"aws:PrincipalArn": {_GLASS}}}}})',
         "the admin may do"),
        (f'deny({_DELETE}, Condition={{"StringNotLike": {{"aws:PrincipalArn": "*break-glass"}}}})',
         "the role no-break-glass"),
        (f'deny({_DELETE}, Condition={{"ArnNotLike": {{"aws:PrincipalArn": '
         '"arn:aws:iam::*:*/break-glass"}})', "a user (not the role) named"),
        (f'deny("kms:*", Condition={{"ArnNotLike": {{"aws:PrincipalArn": {_GLASS}}}}})',
         "the admin may not do kms:Decrypt"),
        (f'deny({_DELETE}, Condition={{"ArnNotLike": {{"aws:PrincipalArn": {_GLASS}}}, '
         '"StringEquals": {"aws:PrincipalAccount": str(lab.account)}})', "another member account"),
        (f'deny({_DELETE}, NotPrincipal={{"AWS": "*"}})', "names no Principal"),
        (f'deny({_DELETE}, Condition={{"Bool": {{"aws:MultiFactorAuthPresent": "false"}}}})',
         "the admin may do"),
        ("[]", "has no statement"),
    ],
}  # fmt: skip
