"""Lesson 14: the figure, the cluster that is ready, the five customers, and what checks accept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import stores

from kmslab import Lab
from kmslab.course import check, customers, figures, key_stores, levels, own_cluster
from kmslab.course.own_cluster import OwnCluster
from kmslab.kms.stores import keys as stored


@pytest.fixture(scope="module")
def clinic() -> Iterator[tuple[Lab, OwnCluster]]:
    """A lab with a cluster that is ready."""
    with Lab(seed=14) as lab:
        yield lab, own_cluster.make(lab)


def test_the_cluster_is_fit_for_a_key_store_and_shows_no_password(
    clinic: tuple[Lab, OwnCluster],
) -> None:
    lab, cluster = clinic
    kms = lab.client("kms")
    store = kms.create_custom_key_store(
        CustomKeyStoreName="ours",
        CloudHsmClusterId=cluster.id,
        TrustAnchorCertificate=cluster.trust_anchor,
        KeyStorePassword=own_cluster.KMSUSER_PASSWORD,
    )["CustomKeyStoreId"]
    stores.bring(lab, kms, store)
    key = kms.create_key(CustomKeyStoreId=store, Origin="AWS_CLOUDHSM")["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert repr(cluster) == f"OwnCluster(id={cluster.id!r})"
    outcome = check.lesson14.ex1(lab, blob, store)
    assert outcome.state == "done"
    assert check.lesson14.ex1(lab, b"no blob", store).state == "not yet"
    assert check.lesson14.ex1(lab, blob, ...).state == "not started"


def test_the_figure_says_in_words_what_each_place_costs() -> None:
    picture = key_stores.picture()
    for word in ("default key store", "CloudHSM key store", "external key store"):
        assert word.lower() in picture.alt.lower()
        assert word in picture.data.decode()
    assert picture.data.decode().count("you give up: ") == 3
    assert figures.FIGURES["key-stores"] is key_stores.picture


def test_the_places_are_origins_of_kms_and_of_the_table_of_levels() -> None:
    origins = {fact["origin"] for fact in levels.facts()["store"] if fact.get("origin")}
    assert set(customers.PLACES) <= origins
    assert set(stored.ORIGINS) < set(customers.PLACES)


def test_every_customer_is_suited_somewhere_and_one_twice() -> None:
    counts = {name: len(customers.suited(name)) for name in customers.CUSTOMERS}
    assert counts == {"bakery": 1, "bank": 1, "ministry": 1, "publisher": 1, "laboratory": 2}
    for name, customer in customers.CUSTOMERS.items():
        for place in set(customers.PLACES) - set(customers.suited(name)):
            assert customers.lacking(name, place)
        assert set(customer.needs) <= set(customers.OFFERS)


@pytest.mark.parametrize("choice", ["AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"])
def test_the_check_takes_every_right_answer(choice: str) -> None:
    answer: dict[str, Any] = {
        name: (customers.suited(name)[0], "it meets all needs") for name in customers.CUSTOMERS
    }
    answer["laboratory"] = [choice, "a plug to pull"]
    outcome = check.lesson14.ex2(answer)
    assert outcome.state == "done"
    assert choice not in outcome.text


@pytest.mark.parametrize("answer", [1, {"bakery": 1}, {"bakery": ("AWS_KMS",)}, None, "AWS_KMS"])
def test_whatever_an_answer_is_the_check_says_a_sentence(answer: object) -> None:
    assert check.lesson14.ex2(answer).state == "not yet"


def test_the_briefs_name_every_customer(capsys: pytest.CaptureFixture[str]) -> None:
    customers.briefs()
    said = capsys.readouterr().out
    assert all(f"{name}: " in said for name in customers.CUSTOMERS)
