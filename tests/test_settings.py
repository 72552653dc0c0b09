"""The settings table and what is made of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_cl import settings
from tinygrad_cl.errors import SettingError, TinygradError
from tinygrad_cl.settings import TABLE, Settings


def test_defaults() -> None:
    found = Settings.read({})
    assert found.device == ""
    assert found.cache is not None
    assert found.cache.name == "tinygrad_cl"
    assert found.cache_bytes == 512 << 20
    assert found.memory_bytes == 0
    assert found.debug == 0
    assert found.vendors == ""
    assert not found.shadow


def test_every_row_of_the_table_is_read(tmp_path: Path) -> None:
    values = {
        "TINYGRAD_CL_DEVICE": "opencl:intel",
        "TINYGRAD_CL_CACHE": str(tmp_path),
        "TINYGRAD_CL_CACHE_MB": "3",
        "TINYGRAD_CL_MEMORY_MB": "5",
        "TINYGRAD_CL_DEBUG": "2",
        "TINYGRAD_CL_SHADOW": "1",
        "TINYGRAD_CL_TUNE": "search",
        "TINYGRAD_CL_TUNE_SECONDS": "0.5",
        "TINYGRAD_CL_TUNE_TOTAL": "9",
    }
    assert set(values) == {row.name for row in TABLE}
    found = Settings.read(values)
    tuning = ("search", 0.5, 9.0)
    assert found == Settings("opencl:intel", tmp_path, 3 << 20, 5 << 20, 2, "", True, *tuning)
    for name in values:
        without = {k: v for k, v in values.items() if k != name}
        assert Settings.read(without) != found, f"{name} changes nothing"


def test_the_defaults_of_the_table_are_the_defaults() -> None:
    assert Settings.read({row.name: row.default for row in TABLE}) == Settings.read({})


@pytest.mark.parametrize("text", ["off", "OFF", " off "])
def test_cache_off(text: str) -> None:
    assert Settings.read({"TINYGRAD_CL_CACHE": text}).cache is None


def test_the_home_folder_is_expanded() -> None:
    assert Settings.read({"TINYGRAD_CL_CACHE": "~/x"}).cache == Path.home() / "x"


@pytest.mark.parametrize("text", ["-1", "many", "1.5"])
@pytest.mark.parametrize("name", ["TINYGRAD_CL_CACHE_MB", "TINYGRAD_CL_DEBUG"])
def test_a_number_that_is_none_names_the_variable(name: str, text: str) -> None:
    with pytest.raises(SettingError, match=f"{name}: expected a whole number.*{text}") as caught:
        Settings.read({name: text})
    assert isinstance(caught.value, TinygradError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("text", ["-1", "long", "inf", "nan"])
@pytest.mark.parametrize("name", ["TINYGRAD_CL_TUNE_SECONDS", "TINYGRAD_CL_TUNE_TOTAL"])
def test_seconds_that_are_none_name_the_variable(name: str, text: str) -> None:
    with pytest.raises(SettingError, match=f"{name}: expected a number of seconds.*{text}"):
        Settings.read({name: text})


def test_a_word_that_is_unknown_names_the_words() -> None:
    with pytest.raises(
        SettingError, match=r"TINYGRAD_CL_TUNE: .*off, cached, search, got 'always'"
    ):
        Settings.read({"TINYGRAD_CL_TUNE": "Always"})
    assert Settings.read({"TINYGRAD_CL_TUNE": " OFF "}).tune == "off"


@pytest.mark.parametrize("name", ["OCL_ICD_VENDORS", "OPENCL_VENDOR_PATH"])
def test_the_loaders_own_variables_are_seen(name: str) -> None:
    assert Settings.read({name: "/somewhere"}).vendors == "/somewhere"


def test_current_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.current.cache_clear()
    try:
        first = settings.current()
        monkeypatch.setenv("TINYGRAD_CL_MEMORY_MB", "7")
        assert settings.current() is first
        settings.current.cache_clear()
        assert settings.current().memory_bytes == 7 << 20
    finally:
        monkeypatch.undo()
        settings.current.cache_clear()


@pytest.mark.parametrize(("level", "shown"), [("0", []), ("1", ["info"]), ("2", ["info", "debug"])])
def test_debug_logs_to_stderr(level: str, shown: list[str]) -> None:
    code = (
        "import logging; from tinygrad_cl import settings; settings.current();"
        "log = logging.getLogger('tinygrad_cl.runtime'); log.info('info'); log.debug('debug')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TINYGRAD_CL_DEBUG": level},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    assert done.stderr.splitlines() == [f"tinygrad_cl.runtime: {word}" for word in shown]
