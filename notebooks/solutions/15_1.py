answer = {"operators": 6, "quorum": 3}  # three are left at night; two cards are one too few
check.lesson15.ex1(answer)
