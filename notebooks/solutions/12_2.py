answer = {
    "PRIVATE": True,  # encrypted on the disk
    "SENSITIVE": True,  # its value is not read
    "EXTRACTABLE": True,  # it leaves as a backup,
    "WRAP_WITH_TRUSTED": True,  # under a trusted key only
    "ENCRYPT": True,
    "DECRYPT": True,
    "WRAP": False,  # it takes no other key out
    "MODIFIABLE": False,  # and stays like this
}
check.lesson12.ex2(lab, answer)
