"""Makes the cases of tests/unit/argo/expr: expressions with what expr-lang/expr makes of them.

``python tools/expr_cases.py`` asks a small Go program (``tools/expr_reference``; Go has to be
there) and writes ``tests/unit/argo/expr/cases.json``.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_TARGET = _HERE.parent / "tests" / "unit" / "argo" / "expr"
_RANDOM = 450


def main() -> None:
    """Write the cases."""
    environment = json.loads((_TARGET / "environment.json").read_text())
    written = (_TARGET / "expressions.txt").read_text().splitlines()
    expressions = [json.loads(f'"{_escaped(line)}"') for line in written if line[:2] != "# "]
    expressions = [expression for expression in expressions if expression]
    invented = Inventor(random.Random(20)).many(_RANDOM)
    asked = list(dict.fromkeys([*expressions, *invented]))
    answers = ask(asked, environment)
    cases = [
        {"expression": expression, **answer}
        for expression, answer in zip(asked, answers, strict=True)
        if answer.get("stage") != "panic"
    ]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    (_TARGET / "cases.json").write_text(f"[\n{lines}\n]\n")
    sys.stdout.write(f"{len(cases)} cases\n")


def _escaped(line: str) -> str:
    """Return a line of the table, in which ``⏎`` stands for a new line, as a JSON string."""
    return json.dumps(line.replace("⏎", "\n"))[1:-1]


def ask(expressions: list[str], environment: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the Go program says to each expression."""
    questions = "\n".join(
        json.dumps({"expression": expression, "environment": environment})
        for expression in expressions
    )
    done = subprocess.run(
        ["go", "run", "."],
        cwd=_HERE / "expr_reference",
        input=questions,
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


_SIMPLE = {
    "number": "0|1|2|7|-3|2.5|1e3|n|f|1_000|0x1f|#",
    "text": (
        "''|'a'|'b,c'|\"x-y\"|`raw`|text|item|inputs.parameters.name|'ä€'|'12'"
        "|inputs.parameters['long-name']|steps.one.outputs.result"
    ),
    "truth": "true|false|# > 1|# == 2|n > 3|!yes|yes",
    "array": "[]|[1, 2, 3]|['a', 'b']|[1, 'a', nil, 2.5]|1..3|3..1|list|[[1], [2, 3]]|[n, f]",
    "table": "inputs|inputs.parameters|missing?.a|steps.one.outputs|{}|{a: 1, 'b': 'x'}",
    "sprig": "sprig.list()|sprig.upper(item)|sprig.int64(3)|sprig.dict('a', 1)",
}
_RULES = {
    "number": """
        <number> <+|-|*|/|%> <number>
        <number> <**|^> <0|2|3|(-1)>
        -(<number>)
        <abs|ceil|floor|round|int|float>(<number>)
        asInt(<number|inputs.parameters.count|text>)
        len(<text|array>)
        <sum|mean|median|max|min|count>(<array>)
        <max|min>(<number>, <number>)
        <bitand|bitor|bitxor|bitshl>(<number>, <number>)
        count(<array>, <truth>)
        reduce(<array>, #acc + #, <number>)
        <array>[<number>]
        <truth> ? <number> : <any>
        findIndex(<array>, # > <number>)
        <indexOf|lastIndexOf>(<text>, <text>)
        let a = <number>; a * <number> + a""",
    "text": """
        <text> + <text>
        <upper|lower|trim|string|type|toBase64>(<text>)
        <string|toJSON|toJson|type>(<any>)
        <trimPrefix|trimSuffix|trim>(<text>, <text>)
        replace(<text>, <text>, <text>)
        repeat(<text>, <0|2|3>)
        join(<array>, <text>)
        <text>[<1:|:2|-1:|0:1|1>]
        <truth> ? <text> : <text>
        <missing|inputs.parameters.none|nil> ?? <text>
        <text> | <upper()|trim()|split(`,`)|len()>""",
    "truth": """
        <number> <==|!=|<|>|<=|>=> <number>
        <text> <==|!=|<|>=> <text>
        <text> <contains|startsWith|endsWith|matches|in> <text>
        <any> <in|not in> <array>
        <truth> <&&|or|and|==> <truth>
        <not|!> (<truth>)
        <all|any|none|one>(<array>, <truth>)
        <any> == <any>
        <hasPrefix|hasSuffix>(<text>, <text>)""",
    "array": """
        [<any>, <any>]
        <number>..<number>
        filter(<array>, <truth>)
        map(<array>, <any>)
        <sort|reverse|uniq|flatten>(<array>)
        concat(<array>, <array>)
        take(<array>, <0|1|5>)
        <array>[<1:|:2|-1:|:>]
        sortBy(<array>, <#|-#|string(#)>)
        split(<text>, <text>)
        <keys|values|toPairs>({a: <any>})
        <array> | <map(# * 2)|filter(# != 2)|first()|last()|len()>""",
    "table": """
        {a: <any>, 'b': <any>}
        {a: <any>}<.a|.b|?.b.c|[`a`]|.a.b>
        get({a: <any>}, <text>)
        fromPairs([['k', <any>]]).k
        groupBy(<array>, # == 2)[true]
        fromJSON(toJSON(<any>))""",
    "sprig": """
        sprig.<upper|lower|title|untitle|trim|nospace|initials|swapcase|quote|squote>(<any>)
        sprig.<int|float64|int64|add1|add1f|ceil|floor|atoi|empty|toString>(<any>)
        sprig.<base|dir|ext|clean|b64enc|b64dec|toJson|fromJson|list>(<any>)
        sprig.<add|sub|mul|div|mod|addf|subf|divf|mulf|max|min|maxf|round>(<any>, <any>)
        sprig.<contains|hasPrefix|trimPrefix|splitList|join|trunc|repeat>(<any>, <any>)
        sprig.<default|coalesce|ternary|cat|has|append|without|until|abbrev>(<any>, <any>)""",
}
# Between < and >: what to choose from, the name of a rule or a text. An operator may hold < and >.
_CHOICE = re.compile(r"<((?:[^<>\n]|[<>]=?(?=\|)|>=(?=>))+)>")


class Inventor:
    """Invents expressions, most of which mean something."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def many(self, count: int) -> list[str]:
        """Return ``count`` different ones."""
        found: dict[str, None] = {}
        while len(found) < count:
            found[self._of("any", self._chance.randint(1, 3))] = None
        return list(found)

    def _of(self, rule: str, depth: int) -> str:
        if rule == "any":
            rule = self._chance.choice(list(_RULES))
        if depth <= 0:
            return self._chance.choice(_SIMPLE[rule].split("|"))
        chosen = self._chance.choice(_RULES[rule].split("\n")[1:]).strip()

        def choice(match: re.Match[str]) -> str:
            one = self._chance.choice(match[1].split("|"))
            return self._of(one, depth - 1) if one in (*_RULES, "any") else one

        return _CHOICE.sub(choice, chosen)


if __name__ == "__main__":
    main()
