no_factor = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
with_dept = {**not_billing, "Null": {"aws:PrincipalTag/dept": "false"}}
answer = {
    "key": [account, deny("kms:Decrypt", Principal={"AWS": "*"}, Condition=no_factor)],
    "readers": [allow("kms:Decrypt", xrays, Condition=with_dept)],
}
check.lesson08.ex1(lab, xrays, answer)
