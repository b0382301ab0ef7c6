"""`emkit fit turnbull`, `censored-normal` and `tobit`."""

import pytest

from emkit.cli import main


@pytest.fixture
def visits(tmp_path):
    path = tmp_path / "visits.csv"
    path.write_text("id,after,until\n1,0,7\n2,0,8\n3,5,11\n4,7,16\n5,10,\n6,8,12\n7,15,inf\n")
    return str(path)


def test_turnbull(visits, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "turnbull", visits, "--low", "after", "--high", "until"]) == 0
    said = capsys.readouterr().out
    assert "(5, 7]" in said
    assert (tmp_path / "visits.emkit").exists()


def test_censored_normal(visits, capsys):
    assert main(["fit", "censored-normal", visits, "--low", "after", "--high", "until", "--no-save"]) == 0
    assert "sigma" in capsys.readouterr().out


def test_tobit(tmp_path, capsys):
    path = tmp_path / "hours.csv"
    path.write_text("x,y\n" + "\n".join(f"{i},{max(0, i - 4 + (i % 3))}" for i in range(12)) + "\n")
    assert main(["fit", "tobit", str(path), "--response", "y", "--low", "0", "--no-save"]) == 0
    assert "(intercept)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["turnbull", "--low", "after"], "give both columns"),
        (["turnbull", "--low", "after", "--high", "end"], "there is no column 'end'"),
        (["tobit", "--response", "hours"], "there is no column 'hours'"),
        (["tobit", "--low", "after"], "must be a number"),
    ],
)
def test_mistakes(visits, options, message, capsys):
    assert main(["fit", options[0], visits, "--no-save", *options[1:]]) != 0
    assert message in capsys.readouterr().err
