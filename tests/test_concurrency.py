"""Threads and processes at work on one lab."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from expect import start

from kmslab import Lab

# Does all kinds of calls, and says how many answers were wrong. A name is raced for by everybody.
WORK = """
def work(kms, name, rounds):
    wrong = []
    def check(right):
        if not right:
            wrong.append(name)
    shared = kms.describe_key(KeyId="alias/shared")["KeyMetadata"]["KeyId"]
    for number in range(rounds):
        text = f"{name} {number}"
        context = {"by": name}
        own = kms.create_key(Description=text)["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=f"alias/{name}-{number}", TargetKeyId=own)
        for key in (own, "alias/shared", f"alias/{name}-{number}"):
            blob = kms.encrypt(KeyId=key, Plaintext=text, EncryptionContext=context)
            blob = kms.re_encrypt(CiphertextBlob=blob["CiphertextBlob"], DestinationKeyId=shared,
                                  SourceEncryptionContext=context)["CiphertextBlob"]
            check(kms.decrypt(CiphertextBlob=blob)["Plaintext"] == text.encode())
        made = kms.generate_data_key(KeyId=shared, KeySpec="AES_256")
        check(kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"])
        signed = {"KeyId": "alias/signer", "Message": text, "SigningAlgorithm": "ECDSA_SHA_256"}
        signature = kms.sign(**signed)["Signature"]
        check(kms.verify(Signature=signature, **signed)["SignatureValid"])
        kms.disable_key(KeyId=own)
        try:
            kms.encrypt(KeyId=own, Plaintext=text)
            check(False)
        except kms.exceptions.DisabledException:
            pass
        kms.update_alias(AliasName=f"alias/{name}-{number}", TargetKeyId=shared)
        kms.delete_alias(AliasName=f"alias/{name}-{number}")
        check(kms.describe_key(KeyId=own)["KeyMetadata"]["Description"] == text)
        kms.list_keys(Limit=5)
    return wrong
"""
PROCESS = (
    WORK
    + """
import sys, threading
from kmslab import Lab
wrong = []
with Lab(sys.argv[1]) as lab:
    def run(name):
        try:
            wrong.extend(work(lab.client("kms"), name, 6))
        except BaseException as error:
            wrong.append(repr(error))
    threads = [threading.Thread(target=run, args=(f"{sys.argv[2]}{n}",)) for n in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
print(wrong)
"""
)
namespace: dict[str, Any] = {}
exec(WORK, namespace)


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Lab]:
    """A kept lab with two keys that everybody uses, a symmetric one and a pair."""
    with Lab(tmp_path / "lab") as lab:
        kms, pair = lab.client("kms"), {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
        for name, kind in (("alias/shared", {}), ("alias/signer", pair)):
            made = kms.create_key(**kind)["KeyMetadata"]["KeyId"]
            kms.create_alias(AliasName=name, TargetKeyId=made)
        yield lab


def test_threads_get_right_answers(shared: Lab) -> None:
    with ThreadPoolExecutor(6) as pool:
        results = pool.map(
            lambda name: namespace["work"](shared.client("kms"), name, 6),
            [f"thread{number}" for number in range(6)],
        )
        assert [wrong for each in results for wrong in each] == []
    assert len(shared.client("kms").list_keys(Limit=1000)["Keys"]) == 2 + 36


def test_two_processes_with_threads_get_right_answers(shared: Lab) -> None:
    processes = [start(PROCESS, shared.path, name) for name in ("here", "there")]
    wrong = namespace["work"](shared.client("kms"), "main", 6)
    outputs = [process.communicate(timeout=50)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert outputs == ["[]\n", "[]\n"]
    assert wrong == []
    kms = shared.client("kms")
    assert len(kms.list_keys(Limit=1000)["Keys"]) == 2 + 6 * 7
    aliases = [alias["AliasName"] for alias in kms.list_aliases()["Aliases"]]
    assert aliases == ["alias/shared", "alias/signer"]
    events = [event["eventID"] for event in shared.trail()]
    assert len(events) == len(set(events)) > 6 * 7 * 15


def test_clients_can_be_made_in_threads() -> None:
    with Lab() as lab, ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: lab.client("kms").list_keys(), range(8)))
        assert [answer["Keys"] for answer in made] == [[]] * 8


def test_one_of_many_gets_a_name(shared: Lab) -> None:
    kms = shared.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    barrier, won, lost = threading.Barrier(8), [], []

    def race() -> None:
        barrier.wait()
        try:
            won.append(kms.create_alias(AliasName="alias/raced", TargetKeyId=key))
        except ClientError as error:
            lost.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert lost == ["AlreadyExistsException"] * 7


def test_seeded_labs_give_no_id_twice_to_threads() -> None:
    with Lab(seed=9) as lab:
        kms = lab.client("kms")
        with ThreadPoolExecutor(6) as pool:
            ids = list(pool.map(lambda _: kms.create_key()["KeyMetadata"]["KeyId"], range(60)))
        assert len(set(ids)) == 60
        events = [event["eventID"] for event in lab.trail()]
        assert len(events) == len(set(events)) == 60


def test_switching_hsms_off_under_load_breaks_no_answer(fresh: Lab) -> None:
    kms = fresh.client("kms")
    keys = [kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(6)]
    specs = ("ECC_NIST_P256", "ML_DSA_44", "ECC_NIST_EDWARDS25519")
    signers = [
        kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"] for spec in specs
    ]

    def use(key: str) -> bool:
        rounds = []
        for number in range(20):
            blob = kms.encrypt(KeyId=key, Plaintext=f"{number}")["CiphertextBlob"]
            rounds.append(kms.decrypt(CiphertextBlob=blob)["Plaintext"] == f"{number}".encode())
            signer = signers[number % 3]
            algorithm = signer["SigningAlgorithms"][0]
            signed = {"KeyId": signer["KeyId"], "Message": key, "SigningAlgorithm": algorithm}
            signature = kms.sign(**signed)["Signature"]
            rounds.append(kms.verify(Signature=signature, **signed)["SignatureValid"])
        return all(rounds)

    with ThreadPoolExecutor(6) as pool:
        results = pool.map(use, keys)
        fresh.hsms.hsms[0].switch_off()
        fresh.hsms.hsms[2].switch_off()
        assert list(results) == [True] * 6
