print({name: (len(blob), blob[2:18].hex()) for name, blob in broken.items()})
print(lab.trail().named("Encrypt").tail(2))

answer = {"A": "key", "B": {"Patient": "23"}, "C": "cut"}
check.lesson03.ex3(lab, broken, answer)
