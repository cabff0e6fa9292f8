answer = {
    "bakery": ("AWS_KMS", "no duties, and the lowest price"),
    "bank": ("AWS_CLOUDHSM", "HSMs of its own, and all of it inside AWS"),
    "ministry": ("EXTERNAL_KEY_STORE", "the keys stay in its building"),
    "publisher": ("AWS_KMS", "only there are asymmetric keys and rotation"),
    "laboratory": ("AWS_CLOUDHSM", "HSMs of its own, and Disconnect is a plug"),
}
check.lesson14.ex2(answer)
