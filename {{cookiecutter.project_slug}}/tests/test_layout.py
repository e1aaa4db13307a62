from __future__ import annotations

from inputs import inputs
from layout import RUN, experiment_layout


def test_all_outputs_lie_below_the_folder_of_the_run(layout: experiment_layout) -> None:
    vintages = [layout.collect_output_dir(vintage) for vintage in inputs.parameters.vintages]
    for path in (*vintages, layout.collect_dir(), layout.chart_path()):
        assert path.startswith(f"{RUN}/")


def test_each_vintage_has_a_folder_and_a_name_of_its_own(layout: experiment_layout) -> None:
    vintages = inputs.parameters.vintages
    assert len({layout.collect_output_dir(vintage) for vintage in vintages}) == len(vintages)
    assert len({layout.container_name_postend(vintage) for vintage in vintages}) == len(vintages)
