"""Every code block of every page runs."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(p for p in [*DOCS.rglob("*.md"), ROOT / "README.md"] if not {"_build", "_generated"} & set(p.parts))


@pytest.fixture(scope="module")
def executed():
    spec = importlib.util.spec_from_file_location("executed", DOCS / "_ext" / "executed.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["executed"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["executed"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page_runs(executed, page):
    text = page.read_text(encoding="utf-8")
    ran = list(executed.run_page(text, page.name))
    assert len(ran) == text.count("```python\n") + text.count("```console\n")


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_example_runs(example, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "MPLBACKEND": "agg"},
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_a_page_that_raises_names_its_line(executed):
    text = "Title\n\n```python\nx = 1\n```\n\n```python\nx / 0\n```\n"
    with pytest.raises(RuntimeError, match=r"page\.md, line 8: ZeroDivisionError"):
        list(executed.run_page(text, "page.md"))


def test_what_a_block_prints_is_kept_and_names_live_on(executed):
    ran = list(executed.run_page("```python\nx = 2\n```\n```python\nprint(x + 1)\n```\n", "page.md"))
    assert [printed for _, printed, _ in ran] == ["", "3\n"]


def test_commands_of_a_console_block_run(executed):
    ((_, printed, _),) = executed.run_page("```console\n$ emkit datasets faithful\n```\n", "page.md")
    assert "eruptions" in printed


def test_a_command_that_is_wrong_names_its_line(executed):
    with pytest.raises(RuntimeError, match=r"page\.md, line 2: exit code 2"):
        list(executed.run_page("```console\n$ emkit datasets nosuch\n```\n", "page.md"))


def test_a_display_at_the_end_of_a_block_is_drawn(executed):
    page = (
        "```python\nimport emkit\nX = emkit.load_data('faithful').numeric()[0]\n"
        "m = emkit.GaussianMixture(2, n_init=1).fit(X)\nemkit.plot.MixtureDisplay.from_estimator(m, X)\n```\n"
    )
    ((_, _, figures),) = executed.run_page(page, "page.md")
    assert len(figures) == 1
