"""Wrong answers to the exercises of lesson 14, and a word of what its checks have to say."""

_GOOD = (
    '{"bakery": ("AWS_KMS", "cheap, without duties"), '
    '"bank": ("AWS_CLOUDHSM", "its own HSMs in AWS"), '
    '"ministry": ("EXTERNAL_KEY_STORE", "in its own building"), '
    '"publisher": ("AWS_KMS", "asymmetric keys and rotation"), '
    '"laboratory": ("EXTERNAL_KEY_STORE", "a plug to pull"), '
)


def _but(name: str, place: str, why: str = "for some reason") -> str:
    return f'{_GOOD}"{name}": ("{place}", "{why}")}}'


WRONG: dict[str, list[tuple[str, str]]] = {
    "14_1": [
        ("store", "its state is FAILED (INVALID_CREDENTIALS)"),
        ("xks", "that is the external key store"),
        ('"cks-nothing"', "has no custom key store"),
        ("True", "an id is due here, not bool"),
        ('[kms.disconnect_custom_key_store(CustomKeyStoreId=store), '
         'kms.connect_custom_key_store(CustomKeyStoreId=store), store][-1]',
         "it is CONNECTING: let ten minutes pass"),
        ('[lab.clock.advance(minutes=11), store][-1]', "its state is FAILED (INVALID_CREDENTIALS)"),
    ],
    "14_2": [
        ("[]", "a dict is due here, not list"),
        ("{}", "bakery, bank, ministry, publisher, laboratory: no answer"),
        (_but("bakery", "AWS_CLOUDHSM"), "bakery: not AWS_CLOUDHSM, since somebody has to run"),
        (_but("bank", "AWS_KMS"), "bank: not AWS_KMS, since KMS's HSMs are shared"),
        (_but("bank", "EXTERNAL_KEY_STORE"), "since every call goes to a proxy outside of AWS"),
        (_but("ministry", "AWS_CLOUDHSM"), "since the key material lies in AWS's data centres"),
        (_but("publisher", "AWS_CLOUDHSM"), "symmetric encryption keys only"),
        (_but("laboratory", "AWS_KMS"), "laboratory: not AWS_KMS"),
        (_but("laboratory", "EXTERNAL"), "'EXTERNAL' is none of AWS_KMS"),
        (_but("laboratory", "AWS_CLOUDHSM", "so"), "laboratory: say why"),
        (f'{_GOOD}"bank": "AWS_CLOUDHSM"}}', "bank: a pair of an Origin and why is due"),
    ],
}  # fmt: skip
