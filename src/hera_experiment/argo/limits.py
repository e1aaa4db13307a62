"""Argo's and Kubernetes' limits.

Source: ``workflow/validate/validate.go``, ``workflow/util/pod_name.go`` and
``workflow/controller/controller.go`` of argoproj/argo-workflows; ``names/generate.go`` of
kubernetes/apiserver.
"""

from __future__ import annotations

WORKFLOW_NAME = 63
"""Characters of a workflow's name: it becomes the value of a label."""

GENERATED_PREFIX = 58
"""Characters of a ``generateName`` that are kept before the random suffix."""

FIELD_NAME = 128
"""Characters of the name of a template, a step or a task."""

POD_NAME_PREFIX = 242
"""Characters of a pod's name before the hyphen and the hash."""

TEMPLATE_DEPTH = 100
"""How deep templates may nest, recursion included."""
