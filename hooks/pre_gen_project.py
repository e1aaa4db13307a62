"""Refuses a wrong answer before a file is written."""

import sys
import unicodedata

# Python's own notation of whatever the answers hold; it needs no import, unlike JSON.
OrderedDict = dict
ANSWERS: "dict[str, str]" = {{"%r" | format(dict(cookiecutter))}}  # type: ignore  # noqa: F821

# Kubernetes allows 63 characters; `generateName` puts five random ones behind slug and hyphen.
LONGEST_SLUG = 63 - len("-xxxxx")
LONGEST_LINE = {"project_name": 80, "author_name": 120, "description": 300}


def main() -> None:
    """Name every wrong answer together with a right one, and stop the generation."""
    if not ANSWERS["__year"].isdigit():
        sys.exit(
            "Nothing was generated: this cookiecutter is too old to fill in what follows from the"
            " answers; install 2.1 or newer: python -m pip install --upgrade cookiecutter"
        )
    complaints = [complaint(question, ANSWERS[question]) for question in LONGEST_LINE]
    # One that would lie elsewhere, or nowhere, cookiecutter.json has replaced: this hook is only
    # called once there is a folder.
    complaints.append(complaint_about_slug(ANSWERS["__typed_slug"]))
    complaints.append(complaint_about_orcid(ANSWERS["orcid"]))
    refused = [each for each in complaints if each]
    if refused:
        sys.exit("\n".join(["Nothing was generated:", *refused]))


def complaint(question: str, answer: str) -> str:
    """Return what is wrong with an answer that must be one line of text; empty when nothing is."""
    longest = LONGEST_LINE[question]
    # Cc: control characters, Cs: halves of characters, Zl and Zp: line ends of their own.
    one_line = "".join(c if unicodedata.category(c) not in UNFIT else " " for c in answer)
    right = " ".join(one_line.split())[:longest].strip()
    if answer != one_line:
        wrong = "has a line end or another control character"
    elif not right and question != "description":
        wrong = "is empty"
    elif len(answer) > longest:
        wrong = f"has {len(answer)} characters, {longest} is the most"
    else:
        return ""
    return f"  {question}: {shown(answer)} {wrong}; a right answer: {right or 'Lyon census'}"


UNFIT = ("Cc", "Cs", "Zl", "Zp")


def complaint_about_slug(slug: str) -> str:
    """Return what is wrong with the slug; empty when nothing is.

    It begins the names of workflows and of image repositories, hence is a label after RFC 1123:
    lower-case letters, digits and hyphens, a letter or digit at both ends.
    """
    fit = set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and slug == slug.strip("-")
    if fit and 0 < len(slug) <= LONGEST_SLUG:
        return ""
    import re

    plain = unicodedata.normalize("NFKD", slug).encode("ascii", "ignore").decode().lower()
    right = re.sub(r"[^a-z0-9]+", "-", plain)[:LONGEST_SLUG].strip("-")
    return (
        f"  project_slug: {shown(slug)} is no name for Kubernetes: at most {LONGEST_SLUG}"
        " characters, a-z, 0-9 and hyphens, a letter or digit at both ends; a right answer:"
        f" {right or 'lyon-census'}"
    )


def complaint_about_orcid(orcid: str) -> str:
    """Return what is wrong with an ORCID; empty when nothing is, or none was given.

    Its last character is a check digit after ISO 7064, mod 11-2.
    """
    digits = orcid.replace("-", "")
    right = "-".join(digits[at : at + 4] for at in range(0, 16, 4)) == orcid and len(digits) == 16
    if not orcid:
        return ""
    if not right or not set(digits[:15]) <= set("0123456789"):
        wrong = "is no ORCID: four times four digits with hyphens between"
    else:
        total = 0
        for digit in digits[:15]:
            total = (total + int(digit)) * 2
        if digits[15] == "0123456789X"[(12 - total % 11) % 11]:
            return ""
        wrong = "has a wrong check digit: copy it from https://orcid.org"
    return f"  orcid: {shown(orcid)} {wrong}; a right answer: 0000-0002-1825-0097, or nothing"


def shown(answer: str) -> str:
    """Return an answer fit for a message: short, and with nothing that a terminal obeys."""
    return repr(answer if len(answer) <= 60 else answer[:60] + "…")


main()
