"""What a crate says of itself: RO-Crate 1.1 with the profiles of Workflow Run RO-Crate, 0.5.

The profiles are https://w3id.org/ro/wfrun/process/0.5, …/workflow/0.5 and …/provenance/0.5.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from rocrate.rocrate import ROCrate

from hera_experiment.crate import places, provenance
from hera_experiment.crate.about import About
from hera_experiment.crate.contents import Contents
from hera_experiment.crate.graph import (
    ARGO,
    PARAMETER_PROFILE,
    Graph,
    Reference,
    add_parameter,
    link_values,
    value_of,
)
from hera_experiment.record.arguments import values_of
from hera_experiment.submission.document_names import is_document

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}

_WORKFLOW_PROFILE = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
_PYTHON = "https://www.python.org/"


def describe(contents: Contents, about: About) -> ROCrate:
    """Return the crate of ``contents``, to be written."""
    graph = Graph(contents, about)
    account, root = contents.account, graph.crate.root_dataset
    authors = [_author(graph, each) for each in about.authors]
    workflow = main_workflow(contents)
    inputs, values = _inputs(graph)
    tools = provenance.Tools(graph)
    remote = account.origin.code.remote
    language = _language(graph, workflow)
    graph.add_files(
        workflow,
        {
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
            "name": f"{about.name}: workflow",
            "programmingLanguage": language,
            "version": account.origin.code.commit or account.origin.code.tree,
            **({"url": remote} if remote.startswith("https://") else {}),
            "conformsTo": {"@id": _WORKFLOW_PROFILE},
            "creator": authors,
            "license": _licence(graph),
            "input": inputs,
            "hasPart": tools.references,
            "step": tools.steps,
        },
    )
    main = graph.file(workflow)
    assert main is not None
    graph.add(_WORKFLOW_PROFILE, "CreativeWork", name="Bioschemas ComputationalWorkflow profile")
    outputs = _outputs(graph, main)
    actions = provenance.actions(graph, tools, main, authors, values, outputs)
    for identifier, (name, version) in PROFILES.items():
        graph.add(identifier, "CreativeWork", name=name, version=version)
    for name, value in {
        "name": f"{about.name}: run {account.name}",
        "description": _description(contents, about),
        "license": _licence(graph),
        "author": authors,
        "conformsTo": [{"@id": each} for each in PROFILES],
        "mainEntity": main,
        "mentions": actions,
    }.items():
        root[name] = value
    readme = graph.crate.dereference(places.README)
    readme["about"] = {"@id": "./"}
    descriptor = graph.crate.metadata
    profile = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
    descriptor["conformsTo"] = [{"@id": "https://w3id.org/ro/crate/1.1"}, {"@id": profile}]
    return graph.crate


def main_workflow(contents: Contents) -> str:
    """Return the path of the script that was run; of what was submitted where that is not here."""
    path = f"{places.CODE}/{contents.record.script}"
    return path if path in contents.files else places.MANIFEST_FILE


def _inputs(graph: Graph) -> tuple[list[Reference], list[Reference]]:
    """Add the inputs of the experiment, arguments of script and workflow, with their values."""
    parameters, values = [], []
    origin = graph.contents.account.origin
    given = {**origin.inputs, **values_of(origin.arguments or ())}
    arguments = (graph.contents.account.workflow.get("spec") or {}).get("arguments") or {}
    for each in arguments.get("parameters") or ():
        given.setdefault(f"arguments.{each['name']}", each.get("value", each.get("default", "")))
    for name, value in given.items():
        parameter = add_parameter(graph, f"#input/{quote(name)}", name, _kind(value))
        one = graph.add(
            f"#value/{quote(name)}",
            "PropertyValue",
            name=name,
            value=value_of(value),
            exampleOfWork=parameter,
        )
        link_values(graph, parameter, [one])
        parameters.append(parameter)
        values.append(one)
    if parameters:
        graph.add(PARAMETER_PROFILE, "CreativeWork", name="Bioschemas FormalParameter profile")
    return parameters, values


def _outputs(graph: Graph, workflow: Reference) -> list[Reference]:
    """Add the folder of results as the output of the workflow; return it, nothing without files."""
    start = f"{places.RESULTS}/"
    files = [graph.file(path) for path in graph.contents.files if path.startswith(start)]
    if not files:
        return []
    parameter = add_parameter(graph, "#output/results", "results", "Dataset")
    about = {"name": "What the run left", "hasPart": files, "exampleOfWork": parameter}
    folder = graph.crate.add_dataset(dest_path=start, properties=about)
    link_values(graph, parameter, [{"@id": folder.id}])
    graph.crate.dereference(workflow["@id"])["output"] = [parameter]
    return [{"@id": folder.id}]


def _kind(value: Any) -> str:
    kinds = {bool: "Boolean", int: "Integer", float: "Float", str: "Text"}
    return kinds.get(type(value), "PropertyValue")


def _author(graph: Graph, author: tuple[str, str]) -> Reference:
    name, orcid = author
    # Who has an ORCID is a person; of any other name it is not known.
    if orcid:
        return graph.add(f"https://orcid.org/{orcid}", "Person", name=name)
    return graph.add(f"#author/{quote(name)}", "Organization", name=name)


def _licence(graph: Graph) -> Reference | str:
    known = graph.about.licence
    if known.startswith("https://"):
        if graph.crate.dereference(known) is None:
            graph.add(known, "CreativeWork", name=known.rpartition("/")[2], url=known)
        return {"@id": known}
    return known


def _language(graph: Graph, workflow: str) -> Reference:
    if is_document(workflow):
        return graph.add(ARGO, "ComputerLanguage", name="Argo Workflows", url=ARGO)
    return graph.add(
        _PYTHON,
        "ComputerLanguage",
        name="Python",
        url=_PYTHON,
        version=graph.contents.account.origin.python,
    )


def _description(contents: Contents, about: About) -> str:
    account = contents.account
    where = "on the laptop" if account.cluster == "local" else "on a cluster"
    text = about.description or about.name
    return (
        f"{text.rstrip('.')}. One run of the experiment, {where}, that ended as {account.phase}:"
        " code, inputs, results, and what is needed to run it again (python3 reproduce.py)."
    )
