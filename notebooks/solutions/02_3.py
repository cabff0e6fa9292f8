for page in frankfurt.get_paginator("list_keys").paginate():
    for each in page["Keys"]:
        found = frankfurt.describe_key(KeyId=each["KeyId"])["KeyMetadata"]
        tags = frankfurt.list_resource_tags(KeyId=each["KeyId"])["Tags"]
        fits = found["Enabled"] and found["KeySpec"] == "SYMMETRIC_DEFAULT"
        if fits and {"TagKey": "department", "TagValue": "radiology"} in tags:
            answer = each["KeyId"]
check.lesson02.ex3(lab, answer)
