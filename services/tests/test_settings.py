"""Every service's settings are known to all of them."""

import pkgutil
from importlib import import_module

import pytest

import services
from libs.settings import KNOWN, ServiceSettings, load


def test_the_known_settings_are_those_of_the_services() -> None:
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if module.name.endswith((".settings", ".__main__")):
            import_module(module.name)

    names = {
        f"EHR_{field}".upper() for settings in _classes(ServiceSettings) for field in settings.model_fields
    }

    assert names == KNOWN


def test_a_misspelt_setting_stops_the_start_and_names_the_right_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EHR_LOG_LEVLE", "debug")

    with pytest.raises(SystemExit) as stopped:
        load(ServiceSettings)

    assert stopped.value.code == 2
    assert capsys.readouterr().err == (
        "EHR_LOG_LEVLE: not a setting of EHRConnect; did you mean EHR_LOG_LEVEL?\n"
    )


def test_a_bad_value_stops_the_start_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EHR_LOG_LEVEL", "loud")

    with pytest.raises(SystemExit) as stopped:
        load(ServiceSettings)

    assert stopped.value.code == 2
    assert capsys.readouterr().err == (
        "EHR_LOG_LEVEL: String should match pattern '^(debug|info|warning|error)$'\n"
    )


def _classes(of: type[ServiceSettings]) -> set[type[ServiceSettings]]:
    return {of}.union(*(_classes(below) for below in of.__subclasses__()))
