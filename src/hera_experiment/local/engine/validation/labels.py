"""Keys and values of labels.

Source: ``pkg/util/validation/validation.go`` of kubernetes/apimachinery, whose words these are.
"""

from __future__ import annotations

import re

from hera_experiment.argo.names import OBJECT_NAME

_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]", re.ASCII)
_FORM = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_SUBDOMAIN = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_LENGTH = 63
_SUBDOMAIN_LENGTH = 253
_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an"
    " alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for"
    f" validation is '{_FORM}')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or"
    f" '12345', regex used for validation is '({_FORM})?')"
)
SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
    " and must start and end with an alphanumeric character (e.g. 'example.com', regex used for"
    f" validation is '{_SUBDOMAIN}')"
)


def key_problem(name: str) -> str:
    """Return what is wrong with the key of a label or an annotation, or nothing."""
    prefix, slash, rest = name.rpartition("/")
    if "/" in prefix:
        example = "(e.g. 'example.com/MyName')"
        return f"a qualified name {_RULE} with an optional DNS subdomain prefix and '/' {example}"
    problems = []
    if slash and not prefix:
        problems.append("prefix part must be non-empty")
    elif slash and len(prefix) > _SUBDOMAIN_LENGTH:
        problems.append(f"prefix part must be no more than {_SUBDOMAIN_LENGTH} characters")
    if prefix and not OBJECT_NAME.fullmatch(prefix):
        problems.append(f"prefix part {SUBDOMAIN_RULE}")
    if not rest:
        problems.append("name part must be non-empty")
    elif len(rest) > _LENGTH:
        problems.append(f"name part must be no more than {_LENGTH} characters")
    if not _NAME.fullmatch(rest):
        problems.append(f"name part {_RULE}")
    return "; ".join(problems)


def value_problem(value: str) -> str:
    """Return what is wrong with the value of a label, or nothing."""
    problems = []
    if len(value) > _LENGTH:
        problems.append(f"must be no more than {_LENGTH} characters")
    if value and not _NAME.fullmatch(value):
        problems.append(_VALUE_RULE)
    return "; ".join(problems)
