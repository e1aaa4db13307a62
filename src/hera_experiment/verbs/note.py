"""Keep a note with a run: RUN=name TEXT='what to remember of it'."""

from __future__ import annotations

from hera_experiment.context.verb_arguments import VerbArguments, VerbParser
from hera_experiment.errors import UserError


def add_arguments(parser: VerbParser) -> None:
    """Declare the arguments: the run, and the note."""
    parser.add_argument(
        "--run",
        default="",
        metavar="NAME",
        help="the run, by its workflow's name (the newest that was submitted from this folder)",
    )
    parser.add_argument(
        "--text", metavar="TEXT", help="the note, in the place of an earlier one; empty: none"
    )
    parser.add_context_arguments()


def main(args: VerbArguments) -> int:
    """Keep the note in the record of the run: no server is asked."""
    context = args.context_told()
    from hera_experiment.record.records import Records

    records = Records.of(context.experiment)
    if args.run:
        record = records.read(args.run)
        if record is None:
            what = f"no run '{args.run}' was submitted from here: there is no record of it"
            raise UserError(what, "--run", "'make runs' lists those there are")
    else:
        record = next(iter(records.all()), None)
        if record is None:
            raise UserError("this experiment has no run yet", next_step="'make run'")
    if args.text is None:
        raise UserError(
            "there is no text to note", "--text", f"make note RUN={record.name} TEXT='…'"
        )
    records.note(record, " ".join(args.text.split()))
    said = "is noted" if args.text.strip() else "has no note any more"
    print(f"{record.name} {said}; 'make runs' shows it")
    return 0
