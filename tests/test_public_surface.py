"""What `import search` offers, and what it costs."""

import subprocess
import sys

import search


def test_public_names_are_these():
    assert search.__all__ == [
        "Configuration",
        "DataError",
        "Launch",
        "PreparedStudy",
        "RegsearchError",
        "RegularizedClassifier",
        "RegularizedRegressor",
        "Run",
        "RunResult",
        "Storage",
        "StorageError",
        "Study",
        "StudyFileError",
        "StudyRecord",
        "Trial",
        "Tuned",
        "UsageError",
        "load",
        "open_storage",
        "prepare_study",
        "run",
        "run_study",
        "tune",
    ]
    for name in search.__all__:
        assert getattr(search, name).__doc__, name


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from search.cli import cli\n"
        "heavy = {'optuna', 'sqlalchemy', 'pandas', 'numpy', 'sklearn', 'keras', 'tensorflow', 'distributed', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_read_commands_import_neither_optuna_nor_what_trains():
    code = (
        "import sys\n"
        "import search.storage, search.reporting.summaries, search.selection\n"
        "heavy = {'optuna', 'alembic', 'pandas', 'numpy', 'keras', 'tensorflow', 'distributed', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
