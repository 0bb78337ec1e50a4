"""The image's list of services agrees with what the product and botocore call, and what it leaves out is not needed."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import botocore
import botocore.credentials
import botocore.tokens
import pytest

from tests.hostile_workspace import imported_by_the_image
from tests.simulator import Clock, Simulator

ROOT = Path(__file__).parents[2]
DATA = Path(botocore.__file__).parent / "data"
OWN = re.compile(r'(?:(?:read_service|read_once)(?:\(|, )|^SERVICE = )"([a-z-]+)"', re.MULTILINE)
"""`aws.read_service("sts", …)`, or the same through `pages`, or a constant."""
CREDENTIALS = re.compile(r"(?:client_creator\(|create_nested_client\(\s*[\w.]+,)\s*['\"]([a-z-]+)['\"]")
"""How botocore makes a client to get credentials."""
CUT = """
import sys
from botocore import loaders
sys.modules["pygments"] = None  # an import of it fails
loaders.Loader.BUILTIN_DATA_PATH = sys.argv.pop(1)
from dynatus_ci import cli
sys.exit(cli.main(sys.argv[1:]))
"""
GOES = """{:TableName "orders"
 :KeySchema [{:AttributeName "id" :KeyType "HASH"}]
 :AttributeDefinitions [{:AttributeName "id" :AttributeType "S"}]
 :ProvisionedThroughput {:ReadCapacityUnits 5 :WriteCapacityUnits 5}
 :SSESpecification {:Enabled true :SSEType "KMS" :KMSMasterKeyId "alias/orders"}
 :GlobalSecondaryIndexes []
 :Tags [{:Key "team" :Value "shop"}]}
"""


def kept() -> set[str]:
    """The services that the image keeps."""
    return set(re.findall(r"! -name ([a-z-]+)", (ROOT / "Dockerfile").read_text(encoding="utf-8")))


def called() -> set[str]:
    """The services that the product calls."""
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "dynatus_ci").rglob("*.py")]
    return {"dynamodb"} | {service for source in sources for service in OWN.findall(source)}


def of_credentials() -> set[str]:
    """The services that botocore asks for credentials."""
    sources = [inspect.getsource(module) for module in (botocore.credentials, botocore.tokens)]
    return {service for source in sources for service in CREDENTIALS.findall(source)}


def test_the_image_keeps_the_services_that_are_called_and_no_other() -> None:
    assert {"sts", "kms", "cloudwatch"} <= called()
    assert {"sts", "sso", "sso-oidc"} <= of_credentials()
    assert kept() == called() | of_credentials()


@pytest.mark.slow
def test_the_image_has_compiled_every_module_that_a_run_imports() -> None:
    files = (file.relative_to(ROOT).with_suffix("") for file in (ROOT / "dynatus_ci").rglob("*.py"))
    ours = {".".join(part for part in file.parts if part != "__init__") for file in files}
    for_tests = {"dynatus_ci.pytest_plugin", "dynatus_ci.testing", "dynatus_ci.api"}
    assert ours - {"dynatus_ci.__main__"} - for_tests - imported_by_the_image() == set()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image has of botocore's data."""
    folder = tmp_path_factory.mktemp("data")
    for name in (*kept(), *(file.name for file in DATA.glob("*.json"))):
        (folder / name).symlink_to(DATA / name)
    return folder


@pytest.mark.slow
def test_a_plan_that_asks_every_service_works_with_what_the_image_keeps(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    (tmp_path / "orders.edn").write_text(GOES, encoding="utf-8")
    with Simulator(clock=Clock(scale=100_000)) as simulator:
        simulator.add_key("alias/orders")
        key = simulator.add_key("alias/users")
        client = simulator.client()
        client.create_table(
            TableName="orders",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
            SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key.id},
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by-id",
                    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                    "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
                }
            ],
        )
        client.get_waiter("table_exists").wait(TableName="orders")
        client.close()
        simulator.start_over()
        ran = subprocess.run(
            [sys.executable, "-c", CUT, data, "plan", tmp_path, "--endpoint-url", simulator.endpoint_url],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        services = {call.service for call in simulator.journal.calls}
    assert "1 to update" in ran.stdout, ran.stderr
    assert services == {"dynamodb", "sts", "kms", "application-autoscaling", "cloudwatch"}
