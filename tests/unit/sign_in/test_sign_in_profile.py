"""A profile is written whole, for its owner alone, and an older one is never lost."""

import stat
from pathlib import Path

import pytest
from laboratory import Profile, in_order

from hera_experiment.context import settings_file
from hera_experiment.errors import UserError
from hera_experiment.sign_in.profile import path_for

HARD = {
    "ARGO_SERVER": "argo:443",
    "ARGO_TOKEN": "Bearer v2:a b'c\"d$HOME\\e#f;g",
    "KUBECONFIG": "/home/me/my files/$x",
}


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "clusters" / "mine.config"
    Profile.read(path).write(HARD, "One line.\nAnd another.")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {line.name: line.value for line in settings_file.read(path)} == HARD
    assert [each.name for each in path.parent.iterdir()] == ["mine.config"]


def test_the_older_one_is_kept_beside(tmp_path: Path) -> None:
    path = tmp_path / "mine.config"
    path.write_text("# by hand\nARGO_SERVER=old:1\n")
    Profile.read(path).write({"ARGO_SERVER": "new:1"}, "")
    assert (tmp_path / "mine.previous.config").read_text() == "# by hand\nARGO_SERVER=old:1\n"
    assert stat.S_IMODE((tmp_path / "mine.previous.config").stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written_leaves_the_older_one(tmp_path: Path) -> None:
    path = tmp_path / "clusters" / "mine.config"
    path.parent.write_text("a file")
    with pytest.raises(UserError, match="cannot write the profile"):
        Profile(path, {}).write({"ARGO_SERVER": "new:1"}, "")


def test_changes_mask_secrets_and_what_is_not_known(tmp_path: Path) -> None:
    old = {"ARGO_SERVER": "a:1", "argo_token": "t1", "REGISTRY": "r", "PASSWORD": "p"}
    new = {"ARGO_SERVER": "b:1", "ARGO_TOKEN": "t2", "REGISTRY": "r"}
    assert Profile(tmp_path, old).changes(new) == [
        "~ ARGO_SERVER=a:1 -> b:1",
        "- argo_token=********",
        "- PASSWORD=********",
        "+ ARGO_TOKEN=********",
    ]


def test_of_an_older_profile_only_what_is_not_of_the_cluster_is_kept(tmp_path: Path) -> None:
    old = {"GLOBAL_CONFIG_HOST": "a", "argo-token": "t", "argo_secure": "false", "REGISTRY": "r"}
    assert Profile(tmp_path, old).merged({"ARGO_SERVER": "b:1"}) == {
        "ARGO_SERVER": "b:1",
        "REGISTRY": "r",
    }


def test_present_values_are_found_by_any_name(tmp_path: Path) -> None:
    profile = Profile(tmp_path, {"argo-server": "a:1"})
    assert profile.value("ARGO_SERVER") == "a:1"
    assert profile.value("ARGO_TOKEN") == ""


def test_order_is_that_of_the_arguments() -> None:
    shuffled = {"REGISTRY": "", "ARGO_TOKEN": "", "ARGO_SERVER": "", "KUBECONFIG": ""}
    assert list(in_order(shuffled)) == ["KUBECONFIG", "ARGO_SERVER", "ARGO_TOKEN", "REGISTRY"]


@pytest.mark.parametrize("name", ["", "local", "../up", ".hidden", "a/b", "a b", "é", "-x"])
def test_names_that_no_profile_can_have(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        path_for(tmp_path, name)


def test_the_file_of_a_name(tmp_path: Path) -> None:
    assert path_for(tmp_path, "lyon-2.test") == tmp_path / "clusters" / "lyon-2.test.config"
