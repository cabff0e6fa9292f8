def answer(s3, bucket, name, letter):
    s3.put_object(Bucket=bucket, Key=name, Body=letter, **sse)  # KMS keeps the key


check.lesson11.ex1(lab, key, answer)
