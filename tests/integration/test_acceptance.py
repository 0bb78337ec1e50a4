"""The scenarios of `make acceptance`, on the simulator instead of an account."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests import acceptance, world
from tests.acceptance import PREFIX, SCENARIOS, Account
from tests.simulator import Clock, Simulator
from tests.small_tables import definition
from tests.world import World

pytestmark = pytest.mark.slow


@pytest.fixture
def simulated() -> Iterator[World]:
    with world.opened() as opened:
        client = opened.simulator.client()
        for name in ("mine", f"{PREFIX}-of-somebody-else"):
            client.create_table(**definition(name, "id"))
        client.close()
        opened.pass_time(60)
        yield opened


def account(simulated: World, say: Callable[[str], None] = lambda _: None) -> Account:
    return Account(simulated.aws, simulated.clock, say=say, parallel=1)


def left(simulated: World) -> set[str]:
    simulated.pass_time(60)
    return set(simulated.simulator.tables)


def test_every_scenario_ends_as_it_should_and_leaves_nothing(simulated: World) -> None:
    said: list[str] = []
    assert account(simulated, said.append).accept() == []
    minutes = {name: int(took) for name, took in re.findall(r"(\S+): .* after (\d+) min", "\n".join(said))}
    assert set(minutes) == {scenario.name for scenario in SCENARIOS}
    least, most = acceptance.HOURS
    assert least * 60 <= max(minutes.values()) <= most * 60, minutes
    assert left(simulated) == {"mine", f"{PREFIX}-of-somebody-else"}
    assert [backup for backup in simulated.simulator.backups.values() if backup.kind == "USER"] == []


def test_what_a_crash_left_behind_is_swept_and_nothing_else(simulated: World) -> None:
    crashed = account(simulated)
    protected = next(one for one in SCENARIOS if one.name == "DeletionProtectionEnabled").steps(crashed.run)[0]
    assert crashed._step(protected) is None  # noqa: SLF001  # a run that ends in its middle
    assert account(simulated).sweep() == [protected.name]
    assert left(simulated) == {"mine", f"{PREFIX}-of-somebody-else"}


def test_ctrl_c_ends_every_scenario_and_leaves_nothing(simulated: World) -> None:
    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        account(simulated, interrupted).accept()
    assert left(simulated) == {"mine", f"{PREFIX}-of-somebody-else"}


def test_another_account_than_the_named_one_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Simulator(clock=Clock(0)) as simulator:
        monkeypatch.setenv("AWS_ENDPOINT_URL", simulator.endpoint_url)
        assert acceptance.main(["run", "--account", "999999999999", "--yes"]) == 1
        assert simulator.tables == {}
    assert "The credentials belong to the account that ends in 9012" in capsys.readouterr().err


def test_time_and_cost_are_said_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Simulator(clock=Clock(0)) as simulator:
        monkeypatch.setenv("AWS_ENDPOINT_URL", simulator.endpoint_url)
        monkeypatch.setattr("builtins.input", lambda _: "no")
        assert acceptance.main(["run", "--account", simulator.id]) == 1
        assert simulator.tables == {}
    said = capsys.readouterr().out
    assert f"{len(SCENARIOS)} tables in account {simulator.id}" in said
    assert "It takes 1 to 2 hours, and costs under 1 USD" in said
