from __future__ import annotations

from textwrap import dedent

from hera_experiment.update.changelog import between

OLD = dedent(
    """\
    # Changelog

    ## [Unreleased]

    ## [0.2.0] - 2026-01-01

    ### Added

    - One thing
      over two lines.
    - Another.

    ## [0.1.0]

    - The first.
    """
)


def test_what_stands_above_the_old_version() -> None:
    new = OLD.replace(
        "## [Unreleased]\n",
        "## [Unreleased]\n\n### Fixed\n\n- A bug,\n  a big one.\n\n"
        "## [0.3.0] - 2026-02-02\n\n### Removed\n\n### Added\n- Another.\n\nWords.\n",
    )
    assert between(OLD, new, "0.2.0") == (
        "## [Unreleased]\n\n\n### Fixed\n\n- A bug,\n  a big one.\n\n"
        "## [0.3.0] - 2026-02-02\n\n\n### Added\n\n- Another.\nWords."
    ).replace("\n\n\n", "\n\n")


def test_between_commits_of_one_version_what_was_added() -> None:
    new = OLD.replace("- Another.", "- Another.\n- A third.\n")
    assert between(OLD, new, "0.2.0") == "## [0.2.0] - 2026-01-01\n\n### Added\n\n- A third."
    unreleased = OLD.replace("## [Unreleased]\n", "## [Unreleased]\n\n- Known.\n")
    newer = unreleased.replace("- Known.\n", "- Known.\n- New.\n")
    assert between(unreleased, newer, "0.2.0") == "## [Unreleased]\n\n- New."
    released = newer.replace("[Unreleased]", "[0.3.0]")
    assert between(unreleased, released, "0.2.0") == "## [0.3.0]\n\n- New."


def test_nothing_to_say() -> None:
    assert between(OLD, OLD, "0.2.0") == between("", "", "") == between(OLD, "", "0.2.0") == ""
    assert between("", "## v0.3.0\n- New\n## v0.2.0\n- Old\n", "0.2.0") == "## v0.3.0\n\n- New"
