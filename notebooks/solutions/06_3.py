def answer(kms, path, patient):
    target = folder / "opened"
    decrypt_file(kms, path, target, {"patient": patient})
    return target.read_bytes()


check.lesson06.ex3(lab, answer)
