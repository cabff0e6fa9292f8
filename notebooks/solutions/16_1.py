strange = [e for e in week.named("Decrypt").by("555555555555") if "errorCode" not in e]
answer = {e["requestParameters"]["encryptionContext"]["patient"] for e in strange}
check.lesson16.ex1(case, answer)
