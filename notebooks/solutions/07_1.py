reading = ["kms:Describe*", "kms:List*", "kms:Get*"]  # without kms:Put*
answer = {"Version": "2012-10-17", "Statement": []}
for each in leaky["Statement"]:
    answer["Statement"].append({**each, "Action": reading} if each["Sid"] == "auditors" else each)
check.lesson07.ex1(lab, answer)
