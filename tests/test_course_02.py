"""Lesson 02: the map of key families, its widget, and the checks of its exercises."""

from __future__ import annotations

import ast
from collections import Counter
from typing import Any

import pytest

from kmslab import Lab
from kmslab.course import families, families_map, widgets
from kmslab.course.check import lesson02
from kmslab.kms.specs import SPECS

SIGN = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
MAC = {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}
RSA = {"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}


def test_the_map_has_every_spec_with_every_usage_once() -> None:
    shown = Counter((spec, row.usage) for row in families.rows() for spec in row.specs)
    assert shown == Counter((spec.name, usage) for spec in SPECS.values() for usage in spec.usages)


def test_a_row_lists_the_algorithms_of_all_its_specs() -> None:
    for row in families.rows():
        offered = {name for spec in row.specs for name in SPECS[spec].usages[row.usage].algorithms}
        assert set(row.algorithms) == offered


def test_families_are_those_of_aws_with_post_quantum_keys_apart() -> None:
    found = {spec: row.family for row in families.rows() for spec in row.specs}
    assert found["SYMMETRIC_DEFAULT"] == "symmetric encryption"
    assert found["HMAC_512"] == "HMAC"
    assert {found[f"ML_{name}"] for name in ("DSA_65", "KEM_768")} == {"post-quantum"}
    assert found["RSA_4096"] == found["ECC_NIST_EDWARDS25519"] == "asymmetric"
    assert set(found.values()) == set(families.FAMILIES)


def test_every_row_of_the_map_is_the_way_to_one_need() -> None:
    assert Counter(each.row for each in families.NEEDS.values()) == Counter(families.rows())


@pytest.mark.parametrize("name", families.NEEDS)
def test_the_call_of_a_need_is_python_with_its_arguments(name: str) -> None:
    need = families.need(name)
    call = ast.parse(need.call, mode="eval").body
    assert isinstance(call, ast.Call)
    assert ast.unparse(call.func) == "kms.create_key"
    given = {each.arg: ast.literal_eval(each.value) for each in call.keywords}
    assert given == need.arguments
    if need.spec != "SYMMETRIC_DEFAULT":
        assert given == {"KeySpec": need.spec, "KeyUsage": need.usage}


@pytest.mark.parametrize(
    "name", [n for n, each in families.NEEDS.items() if "RSA" not in each.spec]
)
def test_the_call_of_a_need_makes_a_key_for_it(kms: Any, name: str) -> None:
    need = families.need(name)
    made = kms.create_key(**need.arguments)["KeyMetadata"]
    assert (made["KeySpec"], made["KeyUsage"]) == (need.spec, need.usage)
    assert any(made.get(member) == list(need.algorithms) for member in made)
    for size in sizes(kms, made):
        assert f"{size:,}" in need.sizes, (name, size)


def sizes(kms: Any, made: dict[str, Any]) -> list[int]:
    """How many bytes come out of a key, measured; of ECDSA the most that DER can need."""
    key, said = made["KeyId"], {"KeyId": made["KeyId"], "Message": b"letter"}
    if made["KeyUsage"] == "ENCRYPT_DECRYPT":
        assert kms.encrypt(KeyId=key, Plaintext=bytes(4096))
        return [4096]
    if made["KeyUsage"] == "GENERATE_VERIFY_MAC":
        return [len(kms.generate_mac(**said, MacAlgorithm=made["MacAlgorithms"][0])["Mac"])]
    public = kms.get_public_key(KeyId=key)["PublicKey"]
    if made["KeyUsage"] == "SIGN_VERIFY":
        first = made["SigningAlgorithms"][0]
        length = len(kms.sign(**said, SigningAlgorithm=first)["Signature"])
        return [len(public), 72 if first == "ECDSA_SHA_256" else length]
    if made["KeyUsage"] == "KEY_AGREEMENT":
        peer = kms.create_key(KeySpec=made["KeySpec"], KeyUsage="KEY_AGREEMENT")["KeyMetadata"]
        other = kms.get_public_key(KeyId=peer["KeyId"])["PublicKey"]
        shared = kms.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=other)
        return [len(public), len(shared["SharedSecret"])]
    carried = kms.encapsulate(KeyId=key, EncapsulationAlgorithm="ML_KEM")
    return [len(public), *(len(part) for part in carried.values() if isinstance(part, bytes))]


def test_the_sizes_of_rsa_are_those_of_rfc_8017() -> None:
    modulus = 3072 // 8  # section 7.1.1: at most k - 2 hLen - 2 bytes of plaintext
    outsider, software = families.need("outsider"), families.need("software")
    assert {outsider.spec, software.spec} == {"RSA_3072"}
    assert f"at most {modulus - 2 * 32 - 2} bytes" in outsider.sizes
    assert f"ciphertext has {modulus}" in outsider.sizes
    assert f"signature has {modulus}" in software.sizes


def test_a_need_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(ValueError, match=r"no need 'gold'; there are records, .*programs"):
        families.need("gold")


def test_a_picture_shows_one_path_and_says_which() -> None:
    whole, *paths = [families_map.picture(chosen=name) for name in ("", "letters", "partner")]
    assert len({each.data for each in (whole, *paths)}) == 3
    assert paths[0].alt.endswith("Chosen: ECC NIST P256, P384, P521 for SIGN VERIFY.")
    assert paths[1].alt.endswith("Chosen: ECC NIST P256, P384, P521 for KEY AGREEMENT.")
    assert "Chosen" not in whole.alt
    thick = b"stroke-width: 3"  # two boxes, and an arrow with its head
    assert {each.data.count(thick) - whole.data.count(thick) for each in paths} == {4}
    for row in families.rows():
        assert f"{row.family}, {row.name.split(',')[0].replace('_', ' ')}" in whole.alt


@pytest.mark.parametrize("name", families.NEEDS)
def test_the_words_of_a_need_have_all_that_is_needed_to_make_the_key(name: str) -> None:
    need, words = families.need(name), families_map.words(name)
    for text in (*need.row.specs, need.usage, *need.algorithms, need.call):
        assert text in words
    assert f"To {need.wish}" in words


def test_the_overview_has_the_map_and_a_row_for_each_need() -> None:
    overview = families_map.overview()
    assert overview.count("<tr>") == len(families.NEEDS) + 1
    assert overview.count("<img ") == 1
    assert all(need.wish in overview for need in families.NEEDS.values())


def test_the_widget_follows_its_list_and_its_value() -> None:
    chooser = widgets.KeyFamilies()
    assert "To encrypt records" in chooser.view.value
    assert chooser.view.value.count("<img ") == 1
    chooser.needs.value = "carry"
    assert chooser.value == "carry"
    assert "ML_KEM_768" in chooser.view.value
    chooser.value = "letters"
    assert chooser.needs.label == "sign letters so that anyone can check them"
    assert chooser.text == (
        "To sign letters so that anyone can check them: ECC_NIST_P256 for SIGN_VERIFY, by "
        "ECDSA_SHA_256"
    )
    assert chooser.call == 'kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")'


def test_the_words_of_the_widget_are_as_wide_as_the_page_not_as_the_map() -> None:
    assert widgets.KeyFamilies().view.value.startswith('<div style="width:0;min-width:100%">')


def test_the_widget_refuses_an_unknown_need_and_stays() -> None:
    chooser = widgets.KeyFamilies()
    with pytest.raises(ValueError, match="no need 'gold'"):
        chooser.value = "gold"
    assert chooser.value == "records"


def test_the_widget_carries_the_whole_map_for_those_who_have_not_run_it() -> None:
    bundle = widgets.KeyFamilies()._repr_mimebundle_()
    assert bundle["text/plain"] == "<KeyFamilies, 10 needs>"
    assert bundle["text/html"] == families_map.overview()


@pytest.mark.parametrize(
    "signing",
    [
        SIGN,
        {"KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY"},
        {"KeySpec": "ML_DSA_44", "KeyUsage": "SIGN_VERIFY", "Description": "prescriptions"},
    ],
    ids=lambda each: each["KeySpec"],
)
@pytest.mark.parametrize("bits", [224, 256])
def test_any_fitting_spec_is_right_for_the_three_needs(
    lab: Lab, signing: dict[str, str], bits: int
) -> None:
    mac = {**MAC, "KeySpec": f"HMAC_{bits}"}
    outcome = lesson02.ex1(lab, {"pharmacy": signing, "link": mac, "laboratory": RSA})
    assert outcome.state == "done", outcome


@pytest.mark.parametrize("named", ["KeyId", "Arn"])
def test_an_alias_may_be_moved_by_id_or_arn(lab: Lab, named: str) -> None:
    def answer(kms: Any, alias: str) -> None:
        new = kms.create_key()["KeyMetadata"][named]
        kms.update_alias(AliasName=alias, TargetKeyId=new)

    assert lesson02.ex2(lab, answer).state == "done"


def test_an_alias_that_is_gone_or_a_program_that_stops_is_not_yet(lab: Lab) -> None:
    def answer(kms: Any, alias: str) -> None:
        new = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.update_alias(AliasName=alias, TargetKeyId=new)
        kms.disable_key(KeyId=new)

    outcome = lesson02.ex2(lab, answer)
    assert outcome.state == "not yet"
    assert "DisabledException" in outcome.text


def test_the_old_keys_are_made_once_and_one_of_them_fits_on_the_second_page(fresh: Lab) -> None:
    assert lesson02.old_keys(fresh) == lesson02.old_keys(fresh) == 140
    kms = fresh.client("kms", region=lesson02.FRANKFURT)
    first = {each["KeyId"] for each in kms.list_keys()["Keys"]}
    every = [
        kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"]
        for page in kms.get_paginator("list_keys").paginate()
        for each in page["Keys"]
    ]
    right = [key for key in every if lesson02.ex3(fresh, key["KeyId"]).state == "done"]
    assert len(right) == 1
    assert right[0]["KeyId"] not in first
    assert lesson02.ex3(fresh, right[0]["Arn"]).state == "done"
