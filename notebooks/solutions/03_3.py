print({name: (len(blob), blob[2:18].hex()) for name, blob in broken.items()})
print([each["requestParameters"] for each in lab.trail().named("Encrypt") if "23" in str(each)])

answer = {"A": "key", "B": {"Patient": "23"}, "C": "cut"}
check.lesson03.ex3(lab, broken, answer)
