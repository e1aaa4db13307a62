"""Show what the tasks of a run printed, merged, each line with its task."""

from __future__ import annotations

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import tell
from hera_experiment.verbs._options import add_run_arguments, add_switch, is_on


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: the run, which of its tasks, and whether to go on."""
    parser.add_argument(
        "--task",
        default="",
        metavar="NAME",
        help="one task, or all whose names begin so (all)",
    )
    add_switch(parser, "--follow", "go on until the run has ended")
    add_run_arguments(parser)


def main(args: VerbArguments) -> int:
    """Write the lines; Ctrl-C leaves, and the run goes on."""
    following = is_on(args.follow, "--follow")
    context = args.context_told()
    from hera_experiment.follow.lines import LogOutput
    from hera_experiment.follow.log_reader import LogReader, follow_logs
    from hera_experiment.runs.find import find_run

    with find_run(context, args.run) as run:
        reader = LogReader(run, args.task)
        if not following:
            reader.refuse_unknown()
        tasks = [pod.task for pod in reader.wanted()]
        output = LogOutput(tasks=tasks, prefixed=not args.task or tasks != [args.task])
        if following:
            for line in follow_logs(run, reader):
                output.write(*line)
                output.flush()
            reader.refuse_unknown()
        else:
            for task, lines in reader.blocks():
                output.write_many(task, lines)
            for line in reader.archived():
                output.write(*line)
        output.flush()
        for remark in reader.remarks():
            tell(remark)
    return 0
