"""Wrong answers to the exercises of lesson 11, and a word of what the check has to say."""

from __future__ import annotations

_PUT = "lambda s3, bucket, name, letter: s3.put_object(Bucket=bucket, Key=name, Body=letter"
_WARD, _VIA = "arn:aws:s3:::clinic-ward", '"kms:ViaService": "s3.us-east-1.amazonaws.com"'
_GET = f'allow("s3:GetObject", "{_WARD}/3/*")'
_ARN = "kms:EncryptionContext:aws:s3:arn"
_BOTH = f'{{"{_ARN}": ["{_WARD}", "{_WARD}/3/*"]}}'
_FOLDER = "arn:aws:s3:::clinic-shared/laboratory/*"
_WHO = 'Principal={"AWS": reader.arn}'
_THEM = 'Principal={"AWS": "222222222222"}'
_TO_THEM = f'allow("kms:Decrypt", {_THEM}, Condition={{"StringEquals": {{{_VIA}}}}})'


def decrypts(*, like: str = _BOTH, key: str = "key", via: str = _VIA) -> str:
    """The statement by which the nurse decrypts; as source."""
    condition = f'{{"StringEquals": {{{via}}}, "StringLike": {like}}}'
    return f'allow("kms:Decrypt", {key}, Condition={condition})'


def three(
    bucket: str = f'allow("s3:GetObject", "{_FOLDER}", {_WHO})',
    key: str = f'allow("kms:Decrypt", {_WHO}, Condition={{"StringEquals": {{{_VIA}}}}})',
    reader: str = f'allow("s3:GetObject", "{_FOLDER}"), allow("kms:Decrypt", key)',
) -> str:
    """An answer to exercise 3, right but for what is given; as source."""
    return f'{{"bucket": [{bucket}], "key": [{key}], "reader": [{reader}]}}'


WRONG: dict[str, list[tuple[str, str]]] = {
    "11_1": [
        ("export", "the key in its metadata 'key' opens it"),
        ("17", "a function is due, not int"),
        ("lambda: 0", "TypeError"),
        ("lambda s3, bucket, name, letter: None", "no object 17.txt"),
        (f"{_PUT})", "the trail of the key can't say"),
        (f'{_PUT}, ServerSideEncryption="aws:kms")', "the trail of the key can't say"),
        (f"{_PUT}, **sse, Metadata={{'text': letter.decode()}})", "reads the letter: its record"),
        (
            f"{_PUT}, SSECustomerAlgorithm='AES256', "
            "SSECustomerKey=__import__('hashlib').sha256(name.encode()).digest())",
            "the key in its name opens it",
        ),
        (
            f"{_PUT}, SSECustomerAlgorithm='AES256', SSECustomerKey=os.urandom(32))",
            "get_object alone says InvalidRequest",
        ),
        (
            "lambda s3, bucket, name, letter: s3.put_object(Bucket=bucket, Key=name, "
            "Body=letter[::-1], **sse)",
            "does not give the letter",
        ),
    ],
    "11_2": [
        ("17", "a list of statements is due"),
        (f'[{_GET}, allow("kms:Decrypt", key, Principal="*")]', "has no Principal"),
        (f"[{_GET}]", "without a bucket key: the nurse's GetObject says AccessDenied"),
        (f"[{decrypts()}]", "GetObject says AccessDenied"),
        (f'[{_GET}, allow("kms:Decrypt", key)]', "decrypts the data key of 3/a.txt without S3"),
        (f'[{_GET}, {decrypts(via="")}]', "the data key of 3/a.txt without S3"),
        (
            f'[{_GET}, {decrypts(like=f"""{{"{_ARN}": "{_WARD}/3/*"}}""")}]',
            "3/a.txt, with a bucket key: the nurse's GetObject says AccessDenied",
        ),
        (
            f'[{_GET}, {decrypts(like=f"""{{"{_ARN}": "{_WARD}"}}""")}]',
            "3/a.txt, without a bucket key: the nurse's GetObject",
        ),
        (f'[{_GET}, {decrypts(like=f"""{{"{_ARN}": "{_WARD}*"}}""")}]', "clinic-ward/4/b.txt"),
        (f'[{_GET}, {decrypts(key=repr("*"))}]', "with another KMS key"),
        (f'[allow("s3:GetObject", "{_WARD}/*"), {decrypts()}]', "4/b.txt is read"),
        (f'[allow("s3:*", "{_WARD}/3/*"), {decrypts()}]', "may do put_object"),
        (f'[allow(["s3:GetObject", "s3:DeleteObject"], "{_WARD}/3/*"), {decrypts()}]',
         "may do delete_object"),
        (f'[{_GET}, {decrypts().replace("kms:Decrypt", "kms:*")}]', "may do kms:"),
    ],
    "11_3": [
        ("17", "a dict with the keys"),
        ('{"bucket": [], "key": [], "reader": []}', "bucket has no statement"),
        (three(reader=f'allow("s3:GetObject", "{_FOLDER}", {_WHO})'), "has no Principal"),
        (three(bucket=f'allow("s3:GetObject", "{_FOLDER}", Principal="*")'), "can't be saved"),
        (three(bucket=f'allow("kms:Decrypt", "{_FOLDER}", {_WHO})'), "invalid action"),
        (three(reader=f'allow("s3:GetObject", "{_FOLDER}")'), "the reader's GetObject"),
        (three(reader='allow("kms:Decrypt", key)'), "the reader's GetObject"),
        (three(key=f'allow("kms:Encrypt", {_WHO})'), "the reader's GetObject"),
        (three(key=f'allow("kms:*", {_WHO}, Condition={{"StringEquals": {{{_VIA}}}}})'),
         "the role may do kms:Encrypt"),
        (three(key=f'allow("kms:*", {_WHO})',
               reader='allow(["s3:GetObject", "kms:*"])'), "with another key, by its own policy"),
        (three(key=f'allow("kms:Decrypt", {_WHO})'), "without S3"),
        (three(key=f'allow("kms:Decrypt", Principal={{"AWS": "*"}}, '
               f'Condition={{"StringEquals": {{{_VIA}}}}})'), "now 222222222222:"),
        (three(bucket=f'allow("s3:GetObject", "{_FOLDER}", {_THEM})', key=_TO_THEM),
         "another role of theirs gets"),
        (three(key=_TO_THEM), "now 222222222222:root may kms:Decrypt"),
        (three(bucket=f'allow("s3:*", "{_FOLDER}", {_WHO})'), "must not do put_object"),
        (three(bucket=f'allow(["s3:GetObject", "s3:DeleteObject"], "{_FOLDER}", {_WHO})'),
         "must not do delete_object"),
        (three(bucket='allow("s3:GetObject", "arn:aws:s3:::clinic-shared/*", '
               f"{_WHO})"), "must not get wards/a.txt"),
        (three(bucket=f'allow("s3:GetObject", "{_FOLDER}", {_WHO}), '
               f'allow("s3:ListBucket", "arn:aws:s3:::clinic-shared", {_WHO})'), "must not list"),
        (three(reader=f'allow("s3:GetObject", "{_FOLDER}"), allow("kms:Decrypt")'),
         "with another key, by its own policy"),
    ],
}  # fmt: skip
