"""What the tests stand on: made-up records, sounds, faults and trainings, a browser, a server; no test is in here.

Each module is about one subject, and tests take from it by name: `from support.records import made_run`.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent  # of the repository; no test counts its own parents
