def answer(kms, alias):
    new = kms.create_key(Description=f"behind {alias}")["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName=alias, TargetKeyId=new)


check.lesson02.ex2(lab, answer)
