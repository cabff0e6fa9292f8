answer = sum("errorCode" in event for event in lab.trail())
check.lesson00.ex2(lab, answer)
