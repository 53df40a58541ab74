"""The pages on latency and memory, from records made by hand."""

import json
from dataclasses import replace

from support.pages import table_of
from support.records import made_measurement, made_run

from harness.compare.material import Material
from harness.records.kinds import Growth, Latency, Ratio
from harness.records.store import Store
from harness.report.measured import latency as latency_page
from harness.report.measured import memory as memory_page
from harness.report.measured.parts import arranged

MACHINE = {
    "cpu": "Some processor",
    "cores": 2,
    "threads": 1,
    "torch": "2.9.0",
    "commit": "0123456789ab",
    "dirty": False,
}
ORDER = ["lstm-s", "gru", "hm-lstm"]


def whole(model: str, ratio: float = 1.5, **changes):
    usual = {
        "title": model.upper(),
        "length": 40,
        "machine": MACHINE,
        "backend": "native",
        "finished": "2025-03-01T12:00:00+00:00",
        "whole": True,
        "backward": Latency(3.0, 2.9, 3.1, 12),
        "inference": Latency(0.05, 0.05, 0.05, 12),
        "inference_batch": Latency(0.0625, 0.06, 0.07, 12),
        "step": Latency(4.0, 3.5, 4.5, 40, 3.0, 5.0, 0.5, (4.0,)),
        "first_call_ms": 1234.5,
        "compile_ms": 1000.0,
        "ratio": ratio,
        "compared": Ratio(ratio, ratio * 0.98, ratio * 1.02, 20),
        "controls": (Ratio(0.99, 0.98, 1.01, 20), Ratio(1.01, 1.0, 1.02, 20)),
        "saved_bytes": 2**21,
        "predicted_bytes": 3 * 2**20,
        "rss_bytes": 5 * 2**20,
        "params": 3004,
        "state": 30,
        "flops": 12_500_000,
        "flops_share": 0.25,
        "over_length": Growth((10, 20, 40), (1.0, 2.0, 4.0), (2**18, 2**19, 2**20), 1.0, 1.0),
        "over_batch": Growth((5, 10, 20), (2.0, 2.8, 4.0), (2**18, 2**19, 2**20), 0.5, 1.0),
        "missing": {"joules": "a CPU has no counter of energy that is read here"},
    }
    return made_measurement(model, **(usual | changes))


def cells(text: str) -> list[list[str]]:
    """The rows without the heading."""
    return table_of(text)[1:]


def material(*measurements, runs=()):
    return Material(list(runs), list(measurements), ORDER)


def test_latency_has_a_row_a_model_in_their_order():
    text = latency_page.sheet(material(whole("gru"), whole("lstm-s", 1.0), runs=[made_run("gru")])).text
    times = ["1.00", "3.00", "4.00", "0.0500", "0.0625", "1,234 (1,000)"]
    rest = ["0.990 to 1.010", "50%", "1.00", "0.50"]
    assert cells(text) == [
        ["LSTM-S", *times, "1.00 (0.98 to 1.02)", "equivalent", *rest],
        ["GRU", *times, "1.50 (1.47 to 1.53)", "slower", *rest],
    ]
    assert "## Counting (`sfc`), budget 3k" in text
    assert (
        "Protocol `smoke`, version 1: 40 steps a sequence, batch 20. Measured on 2 cores of Some processor, 1 thread"
        in text
    )
    assert "commit 0123456789; 2025-03-01. Absolute numbers of time are of that machine alone." in text
    assert "\n    bench measure --task sfc --models lstm-s,gru --protocol smoke\n" in text


def test_the_page_says_how_often_this_machine_sees_what_is_not_there():
    alarm = Ratio(0.8, 0.7, 0.9, 20)
    text = latency_page.sheet(material(whole("gru", controls=(Ratio(1.0, 0.99, 1.01, 20),) * 3 + (alarm,)))).text
    assert (
        "The yardstick beside itself, 4 times: 1 were called faster or slower beyond 5%, a false-alarm rate of 25.0%"
        in text
    )
    assert cells(text)[0][8] == "slower"  # 1.47 is beyond 1.25
    assert cells(latency_page.sheet(material(whole("gru", 1.2, controls=(alarm,)))).text)[0][8] == "equivalent"


def test_memory_has_bytes_work_and_why_something_is_missing():
    text = memory_page.sheet(material(whole("gru"))).text
    row = ["GRU", "3.00", "3.00", "2.00", "5.00", "1.00", "1.00", "3,004", "30", "12.5", "25%", "–"]
    assert cells(text) == [row]
    assert "- GRU: no joules: a CPU has no counter of energy that is read here" in text


def test_a_gpu_has_columns_of_its_own():
    on_gpu = {
        "machine": MACHINE | {"gpu": "Some GPU", "cuda": "12.8"},
        "device_step": Latency(1.5, 1.4, 1.6, 40),
        "allocated_bytes": 2**30,
        "reserved_bytes": 2**31,
        "joules": 0.25,
        "missing": {},
    }
    latency, memory = (page.sheet(material(whole("gru", **on_gpu))).text for page in (latency_page, memory_page))
    assert "Measured on Some GPU, CUDA 12.8, 2 cores of Some processor" in latency
    assert cells(latency)[0][4] == "1.50"
    assert cells(memory)[0][5] == "1,024 / 2,048"
    assert cells(memory)[0][-1] == "0.250"


def test_the_conditions_stand_above_the_table_and_a_board_that_was_slowed_down_below():
    calm = {"load": 0.5, "sm_mhz": 1980.0, "slowed": []}
    hot = {"load": 1.5, "sm_mhz": 1200.0, "slowed": ["power cap"]}
    one, two = ({"before": calm, "after": after} for after in (calm, hot))
    text = latency_page.sheet(material(whole("gru", conditions=one), whole("hm-lstm", conditions=two))).text
    assert "Conditions: load average 0.5 to 1.5; SM clock 1,200 to 1,980 MHz; slowed down by power cap." in text
    assert "- HM-LSTM: the board was slowed down while it was timed: power cap" in text.splitlines()
    assert "Conditions" not in latency_page.sheet(material(whole("gru"))).text


def test_pictures_are_told_in_a_sentence():
    for page, what in ((latency_page, "A training step"), (memory_page, "The peak of a training step")):
        sheet = page.sheet(material(whole("gru"), whole("lstm-s")))
        ((name, drawn),) = sheet.pictures.items()
        assert drawn.svg.startswith("<svg ")
        (line,) = [line for line in sheet.text.splitlines() if line.startswith("![")]
        assert line.startswith(f"![{what} over the length of the sequences")
        assert line.endswith(f".]({name})")
        assert "2 models" in line
        assert sheet == page.sheet(material(whole("gru"), whole("lstm-s")))


def test_what_is_not_known_is_a_dash_and_says_why():
    old = made_measurement("hm-lstm", machine=MACHINE)
    failed = whole("gru", status="failed", reason="RuntimeError: no", **dict.fromkeys(("step", "forward", "compared")))
    latency, memory = (page.sheet(material(old, failed)) for page in (latency_page, memory_page))
    assert cells(latency.text)[1] == ["hm-lstm", "1.00", "–", "4.00", "–", "–", "–", "2.00", "–", "–", "–", "–", "–"]
    assert cells(memory.text)[1] == ["hm-lstm", "3.00", *["–"] * 10]
    assert "- hm-lstm: only the quick pass of `bench run`; `bench measure` takes the rest" in latency.text
    assert "- GRU: failed: RuntimeError: no" in latency.text
    only_old = latency_page.sheet(material(old))
    assert only_old.pictures == {}
    assert "No control was measured" in only_old.text


def test_a_warm_up_that_did_not_settle_is_said_once_for_all_models():
    text = latency_page.sheet(material(whole("gru", settled=False), whole("lstm-s", settled=False))).text
    assert "- LSTM-S; GRU: the warm-up ended with its time" in text
    assert "warm-up ended" not in latency_page.sheet(material(whole("gru", settled=True))).text


def test_nothing_measured_makes_no_page():
    skipped = whole("gru", status="skipped", reason="it does not apply")
    for page in (latency_page, memory_page):
        assert page.sheet(material()) is page.sheet(material(skipped)) is None


def test_machines_budgets_and_tasks_do_not_share_a_table():
    other = whole("gru", machine=MACHINE | {"cpu": "Another processor"}, finished="2025-03-02")
    newer = whole("gru", finished="2025-03-03", first_call_ms=1.0)
    parts = arranged([whole("gru"), other, newer, replace(whole("gru"), task="sti")], [], ORDER)
    assert [(part.task, part.machine.split()[3]) for part in parts] == [
        ("sfc", "Another"),
        ("sfc", "Some"),
        ("sti", "Some"),
    ]
    assert parts[1].measured == (newer,)
    assert len({part.slug(place) for place, part in enumerate(parts)}) == 3


def test_a_budget_of_ones_own_is_in_the_command():
    text = latency_page.sheet(material(whole("gru", budget="4k"), whole("gru", protocol="gone"))).text
    assert "--protocol smoke --budget 4k" in text
    assert "--protocol gone --budget 3k" in text


def test_the_record_of_a_whole_measurement_is_plain_json():
    from harness.records.kinds import from_json, to_json

    record = whole("gru")
    assert from_json(to_json(record), "here") == record
    assert json.loads(to_json(record))["over_length"]["sizes"] == [10, 20, 40]


def test_a_report_of_nothing_but_what_was_skipped_says_so(bench, tmp_path):
    store = Store(tmp_path / "results")
    store.save_measurement(whole("gru", status="skipped", reason="it does not apply"), "here")
    outcome = bench("report")
    assert (outcome.code, outcome.err) == (0, "smoke: nothing was run, and every measurement was skipped\n")
    assert not (tmp_path / "reports").exists()


def test_measurements_beside_runs_have_their_pages_in_the_report(bench, tmp_path):
    store = Store(tmp_path / "results")
    store.save_measurement(whole("gru"), "here")
    store.save_run(made_run("gru"))
    assert bench("report").code == 0
    folder = tmp_path / "reports" / "smoke"
    assert {"latency.md", "latency.csv", "latency.tex", "memory.md", "sfc.md", "report.html"} <= {
        path.name for path in folder.iterdir()
    }
    assert "- [How long a step takes](latency.md)" in (folder / "index.md").read_text()
    last = (folder / "latency.md").read_text().partition("\n\n‡")[0].splitlines()[-1]
    assert last.endswith("protocol `smoke` version 1; 1 record of `measures/smoke`.")
