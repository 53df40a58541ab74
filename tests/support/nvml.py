"""A stand-in for the module pynvml, with one board."""

import sys
from types import ModuleType
from typing import Any

import pytest

UUID = "GPU-1f2e"
NOT_SUPPORTED = "Not Supported"


class NVMLError(Exception):
    """As the real one says it."""


def stand_in(monkeypatch: pytest.MonkeyPatch, **told: Any) -> ModuleType:
    """From now on `import pynvml` gives this; told: what its functions give; what they do not is not supported."""
    module = ModuleType("pynvml")
    module.NVMLError = NVMLError
    module.NVML_CLOCK_SM, module.NVML_TEMPERATURE_GPU = 1, 0

    def function(name: str) -> None:
        def call(*arguments: Any) -> Any:
            answer = told.get(name, NVMLError(NOT_SUPPORTED))
            answer = answer(*arguments) if callable(answer) else answer
            if isinstance(answer, Exception):
                raise answer
            return answer

        setattr(module, name, call)

    told.setdefault("nvmlInit", None)
    told.setdefault("nvmlDeviceGetHandleByUUID", lambda uuid: uuid if uuid == UUID else NVMLError("Not Found"))
    for name in (
        "nvmlInit",
        "nvmlDeviceGetHandleByUUID",
        "nvmlDeviceGetTotalEnergyConsumption",
        "nvmlSystemGetDriverVersion",
        "nvmlDeviceGetClockInfo",
        "nvmlDeviceGetMaxClockInfo",
        "nvmlDeviceGetTemperature",
        "nvmlDeviceGetPowerManagementLimit",
        "nvmlDeviceGetPersistenceMode",
        "nvmlDeviceGetCurrentClocksEventReasons",
        "nvmlDeviceGetComputeRunningProcesses",
    ):
        function(name)
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return module
