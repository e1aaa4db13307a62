"""Which checks come before a submission."""

from __future__ import annotations

import pytest

from hera_experiment.check.catalogue import CATALOGUE, select
from hera_experiment.submit.preflight import CODES


def test_a_subset_has_what_it_needs_in_the_order_of_the_catalogue():
    found = [each.code for each in select(CATALOGUE, ["IMAGES", "CLAIM-BOUND"])]
    assert "NAMESPACE" in found and "API-REACHABLE" in found and "SCRIPT" in found
    assert "QUOTA" not in found and "REGISTRY-REACHABLE" not in found
    assert found == [each.code for each in CATALOGUE if each.code in found]


@pytest.mark.parametrize("codes", [CODES, ["WORKFLOW"], [each.code for each in CATALOGUE]])
def test_no_check_of_a_subset_waits_for_one_that_is_not_there(codes):
    found = select(CATALOGUE, codes)
    known = {each.code for each in found}
    assert all(set(each.earlier) <= known for each in found)
    assert set(codes) <= known


def test_what_explains_a_failure_is_kept_where_it_is_checked_too():
    by_code = {each.code: each for each in select(CATALOGUE, CODES)}
    assert "ACCOUNT-EXISTS" in by_code["ACCOUNT-RESULTS"].unless_failed
    assert "RIGHTS-WORKFLOWS" in by_code["ARGO-TOKEN"].unless_failed
