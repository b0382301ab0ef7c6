"""A file that is damaged, edited, foreign or newer is refused with a sentence; a failed save loses none."""

import io
import json
import resource
import zipfile

import numpy as np
import pytest

import emkit
from emkit.core import archive as files
from emkit.errors import SavedFitError


@pytest.fixture(scope="module")
def mixture():
    return emkit.GaussianMixture(2, random_state=0).fit(emkit.load_data("faithful").numeric()[0])


@pytest.fixture
def path(mixture, tmp_path):
    path = tmp_path / "some.emkit"
    emkit.save(mixture, path)
    return path


def rewrite(path, change, *, seal=True):
    """Change the members of a file, and seal it again: an edit by one who knows the format."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    header = json.loads(members["header.json"])
    change(header, members)
    if seal:
        header["seal"] = files._seal(header)
    members["header.json"] = json.dumps(header).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def refused(path, *words):
    with pytest.raises(SavedFitError) as caught:
        emkit.load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    for word in words:
        assert word in message


def test_rewriting_alone_changes_nothing(path, mixture):
    rewrite(path, lambda header, members: None, seal=False)
    assert emkit.load(path).fit_.loglik == mixture.fit_.loglik


def test_missing_file_and_folder_are_named(tmp_path):
    refused(tmp_path / "none.emkit", "no such file")
    refused(tmp_path, "cannot be read")


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_truncated_file_is_refused(path, part):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    refused(path, "truncated or damaged")


def test_every_flipped_byte_of_the_content_is_noticed(path, mixture):
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("arrays/fit_.parameters.members.mean.npy")
    first = entry.header_offset + 30 + len(entry.filename)
    for at in range(first, first + entry.compress_size, 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises(SavedFitError, match="damaged"):
            emkit.load(path)


def test_edited_array_is_refused(path):
    def change(header, members):
        members["arrays/fit_.parameters.mix.npy"] = npy(np.array([0.5, 0.5]))

    rewrite(path, change)
    refused(path, "array 'fit_.parameters.mix' does not match its checksum", "edited")


def test_edited_header_is_refused(path):
    def change(header, members):
        header["content"]["params"]["n_components"] = 3

    rewrite(path, change, seal=False)
    refused(path, "header does not match its checksum")


def test_missing_member_is_named(path):
    rewrite(path, lambda header, members: members.pop("arrays/fit_.parameters.mix.npy"))
    refused(path, "'arrays/fit_.parameters.mix.npy' is missing")


def test_array_that_nobody_lists_is_named(path):
    rewrite(path, lambda header, members: header["sha256"].pop("arrays/fit_.parameters.mix.npy"))
    refused(path, "array 'fit_.parameters.mix' is missing")


def test_header_that_is_no_json_is_refused(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", b"{not json")
    refused(path, "header is no JSON")


def test_foreign_archives_are_refused(path, tmp_path):
    np.savez(tmp_path / "some.npz", a=np.ones(3))
    refused(tmp_path / "some.npz", "no saved fit of emkit", "'header.json' is missing")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", b'{"title": "something else"}')
    refused(path, "no saved fit of emkit", "no format version")
    (tmp_path / "text.emkit").write_text("eruptions,waiting\n3.6,79\n")
    refused(tmp_path / "text.emkit", "no saved fit")


def test_newer_format_asks_for_an_update(path):
    rewrite(path, lambda header, members: header.update(format=2))
    refused(path, "format 2", "up to format 1", "update emkit")


def test_class_unknown_to_this_version_asks_for_an_update(path):
    rewrite(path, lambda header, members: header["content"].update(estimator="QuantumMixture"))
    refused(path, "'QuantumMixture'", "update emkit")


def test_argument_unknown_to_this_version_is_told(path):
    rewrite(path, lambda header, members: header["content"]["params"].update(flux=1))
    refused(path, "'GaussianMixture' does not take", "flux")


def test_node_of_unknown_kind_is_told(path):
    rewrite(path, lambda header, members: header["content"]["params"].update(tol={"spell": 1}))
    refused(path, "no known kind", "spell")


@pytest.mark.parametrize("part", ["learned", "params", "home"])
def test_header_without_a_part_is_told(path, part):
    rewrite(path, lambda header, members: header["content"].pop(part))
    refused(path, "not laid out as format 1", part)


def test_pickled_array_is_never_run(path, tmp_path):
    flag = tmp_path / "ran"

    class Bomb:
        def __reduce__(self):
            return flag.touch, ()

    def change(header, members):
        name = "arrays/fit_.parameters.mix.npy"
        members[name] = npy(np.array([Bomb(), None]))
        header["sha256"][name] = files.hashlib.sha256(members[name]).hexdigest()

    rewrite(path, change)
    refused(path, "no array of numbers")
    assert not flag.exists()


def test_model_that_computes_something_else_is_noticed(path, monkeypatch):
    from emkit.mixture import FiniteMixture

    emkit.load(path)
    e_step = FiniteMixture.e_step

    def other(self, parameters, block):
        statistics = e_step(self, parameters, block)
        return type(statistics)(statistics.loglik * (1 + 1e-8), *list(vars(statistics).values())[1:])

    monkeypatch.setattr(FiniteMixture, "e_step", other)
    refused(path, "log-likelihood of its 32 probe rows", "computes something else")


def test_parameters_that_no_longer_fit_the_probe_are_noticed(path):
    def change(header, members):
        name = "arrays/fit_.parameters.mix.npy"
        members[name] = npy(np.array([0.5, 0.5]))
        header["sha256"][name] = files.hashlib.sha256(members[name]).hexdigest()

    rewrite(path, change)
    refused(path, "probe rows")


def unchanged_after(path, mixture, failing):
    before = path.read_bytes()
    with pytest.raises(SavedFitError, match=r"cannot save to .*untouched"):
        failing()
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_full_disk_leaves_the_old_file_and_no_draft(path, mixture):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # the system refuses to write more, as a full disk does
    try:
        unchanged_after(path, mixture, lambda: emkit.save(mixture, path))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_failure_at_the_very_end_leaves_the_old_file_and_no_draft(path, mixture, monkeypatch):
    def fsync(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", fsync)
    unchanged_after(path, mixture, lambda: emkit.save(mixture, path))


def test_file_is_put_in_place_in_one_step(path, mixture, monkeypatch):
    def replace(draft, target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(files.Path, "replace", replace)
    unchanged_after(path, mixture, lambda: emkit.save(mixture, path))


def test_interruption_leaves_the_old_file_and_no_draft(path, mixture, monkeypatch):
    def fsync(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", fsync)
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        emkit.save(mixture, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_place_that_cannot_be_written_is_told(mixture, tmp_path, monkeypatch):
    with pytest.raises(SavedFitError, match=r"cannot save to .*No such file or directory"):
        emkit.save(mixture, tmp_path / "nowhere" / "some.emkit")
    (tmp_path / "file").write_text("")
    with pytest.raises(SavedFitError, match=r"cannot save to .*Not a directory"):
        emkit.save(mixture, tmp_path / "file" / "some.emkit")
    with pytest.raises(SavedFitError, match="cannot save to"):
        emkit.save(mixture, tmp_path)
    with pytest.raises(SavedFitError, match="cannot save to /proc/"):
        emkit.save(mixture, "/proc/some.emkit")  # where not even the superuser may


def test_array_of_objects_is_refused_by_name(mixture, tmp_path):
    bad = emkit.GaussianMixture(2, random_state=0).fit(emkit.load_data("faithful").numeric()[0])
    bad.extra_ = np.array([{}, None])
    with pytest.raises(SavedFitError, match=r"`extra_` is an array of objects"):
        emkit.save(bad, tmp_path / "x.emkit")
    bad.extra_ = np.ones(2, dtype=complex)
    with pytest.raises(SavedFitError, match=r"`extra_` is an array of complex128"):
        emkit.save(bad, tmp_path / "x.emkit")
