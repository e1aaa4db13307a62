from __future__ import annotations

import pytest

from hera_experiment.local.engine.when import WhenError, should_execute

TRUE = """
a == a
a == 'a'
"a b" == 'a b'
heads != tails
1 == 1.0
2 < 10
"2" > "10"
1 != '1'
true
!false
!(1 == 2)
-1 < 0
1 == 1 && 2 == 2
1 == 2 || 2 == 2
true || false && false
(true || false) && !false
abc =~ b
abc !~ '^b'
'a\\'b' == "a\\'b"
[two words] == 'two words'
b in (a, b, 'c')
7 % 2 == 1
2 + 3 * 2 ** 2 == 14
foo + 1 == 'foo1'
0x1F == 31
'' + 123456789012345678 == '1.2345678901234568e+17'
'' + 0.0000001 == '1e-07'
'' + 10 ** 21 == '1e+21'
1 / 0 > 1
-1 / 0 < 1
'' + 1 / 0 == '+Inf'
10 ** 400 > 1
'' == ''
é == 'é'
"""

FALSE = """
a == b
1 == 'one'
false
2 > 10
1 % 0 == 1
(0 - 8) ** 0.5 > 0
true && false
d in ('a', 'b')
'1' == 1
"""

# The words are those that Argo 3.7.18 answered with.
ERRORS = {
    "a b == c": "Cannot transition token types from VARIABLE [a] to VARIABLE [b]",
    " == c": "Cannot transition token types from UNKNOWN [<nil>] to COMPARATOR [==]",
    "a == ": "Unexpected end of expression",
    "heads-or-tails == heads": "Value 'heads' cannot be used with the modifier '-'",
    "a": "Expected boolean evaluation for 'a'. Got a",
    "(a == a": "Unbalanced parenthesis",
    "'a == a": "Unclosed string literal",
    "a.b == c": "Unable to access unexported field 'b' in token 'a.b'",
    "a && true": "Value 'a' cannot be used with the logical operator '&&', it is not a bool",
    "!a": "Value 'a' cannot be used with the prefix '!'",
    "1 > a": "cannot be used with the comparator '>', it is not a number",
    "a @ b": "Invalid token: '@' (or similar) (hint: try wrapping",
    "f(1) == 1": "Undefined function f",
    "a =~ '('": "Unable to compile regexp pattern",
    "1.2.3 == 1": "Unable to parse numeric value '1.2.3' to float64",
    "0x == 1": "Unable to parse hex value '' to uint64",
    "a ? b : c": "does not interpret the operator '?' yet",
}


@pytest.mark.parametrize("text", TRUE.strip().splitlines())
def test_holds(text: str) -> None:
    assert should_execute(text) is True


@pytest.mark.parametrize("text", FALSE.strip().splitlines())
def test_does_not_hold(text: str) -> None:
    assert should_execute(text) is False


def test_nothing_means_yes() -> None:
    assert should_execute("") is True


@pytest.mark.parametrize(("text", "words"), ERRORS.items())
def test_says_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(WhenError) as error:
        should_execute(text)
    for part in words.split(" (or similar)"):
        assert part in str(error.value)
    assert text in str(error.value)
