"""Levels, tenancy, costs and duties: one file, which lessons and README read."""

from __future__ import annotations

from pathlib import Path

from botocore.loaders import Loader
from botocore.model import ServiceModel

from kmslab.course import levels

ROOT = Path(__file__).parent.parent


def test_readme_has_the_tables_as_the_file_has_them() -> None:
    assert levels.markdown() in (ROOT / "README.md").read_text()


def test_no_other_text_has_the_numbers_of_certificates() -> None:
    texts = [*ROOT.glob("kmslab/**/*.py"), *ROOT.glob("CONTRIBUTING.md")]
    for number in ("4884", "4703", "4218"):
        assert not [path for path in texts if number in path.read_text()], number


def test_every_store_has_an_origin_that_kms_knows() -> None:
    model = ServiceModel(Loader().load_service_model("kms", "service-2"), "kms")
    known = set(model.shape_for("OriginType").enum)
    origins = [store["origin"] for store in levels.facts()["store"]]
    assert origins == ["AWS_KMS", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE", ""]
    assert set(filter(None, origins)) <= known


def test_the_tables_show_every_fact() -> None:
    for table, kind in ((levels.history(), "level"), (levels.stores(), "store")):
        assert len(table.rows) == len(levels.facts()[kind])
        for row, fact in zip(table.rows, levels.facts()[kind], strict=True):
            assert set(row) <= set(fact.values())
