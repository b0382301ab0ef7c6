"""Standard errors and diagnosis at the command line."""

import json

from emkit.cli import main


def test_fit_tells_standard_errors_and_worries(capsys):
    words = ["fit", "gaussian-mixture", "galaxies", "--components", "2", "--no-save", "--standard-errors", "--diagnose"]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "Estimates with 95% intervals" in told
    assert "members.mean[0, 0]" in told
    assert "hides most" in " ".join(told.split())


def test_fit_tells_them_to_programs_too(capsys):
    words = [
        "fit",
        "poisson-mixture",
        "hasselblad_deaths",
        "--columns",
        "deaths",
        "--weights",
        "freq",
        "--components",
        "2",
        "--no-save",
    ]
    assert main([*words, "--json", "--standard-errors", "--diagnose"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["standard_errors"]["name"][0] == "mix[0]"
    assert told["diagnosis"]["Starts"]
