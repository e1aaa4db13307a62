"""Takes files into a folder of a claim through the shell of a pod; nothing is removed there."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Sequence
from time import sleep

from hera_experiment.errors import UserError
from hera_experiment.results.bring import Meter, batches, steadily
from hera_experiment.results.channel import ScriptFailed, Shell
from hera_experiment.results.data_files import DataFile
from hera_experiment.results.listing import Entry
from hera_experiment.results.outcome import printable

_SMALL = 1 << 20
_PIECE = 8 << 20
_MOST_NAMES = 500_000
# Beside what it becomes, so that a file appears whole or not at all. A client that was killed
# leaves it, and the next one goes on with it.
_STAGE = ".hera-arriving"
_ENTER = f'mkdir -p "$1/{_STAGE}" && cd "$1/{_STAGE}" || exit\n'

_UNPACK = f"""{_ENTER}
rm -rf batch && mkdir batch && head -c "$2" | tar -xof - -C batch && cd batch && sha256sum *
"""
_LENGTH = f"""{_ENTER}
[ ! -f "$3" ] || wc -c <"$3"
"""
_APPEND = f"""{_ENTER}
[ "$4" -gt 0 ] || : >"$3"
[ "$(wc -c <"$3")" -eq "$4" ] && head -c "$2" >>"$3" && [ "$(wc -c <"$3")" -eq "$5" ]
"""
_SUM = f"""{_ENTER}
sha256sum <"$3"
"""
_PLACE_ALL = """\
while [ $# -gt 0 ]; do
  case $2 in */*) [ -d "../${2%/*}" ] || mkdir -p "../${2%/*}" || exit;; esac
  if [ -d "../$2" ]; then echo "a folder is called $2" >&2; exit 1; fi
  # It was placed already when the answer to an earlier attempt was lost.
  [ ! -f "$1" ] || mv -f "$1" "../$2" || exit
  shift 2
done
"""
_PLACE = f"""{_ENTER}
head -c "$2" | xargs -0 -n 1000 sh -c '{_PLACE_ALL}' sh
"""
_CLEAN = f'rm -rf "$1/{_STAGE}"\n'


class IntoPod:
    """A folder of a claim that receives files."""

    def __init__(
        self,
        shell: Shell,
        folder: str,
        say: Callable[[str], None],
        pause: Callable[[float], None] = sleep,
    ) -> None:
        self._shell = shell
        self._folder = folder
        self._say = say
        self._pause = pause

    def take(self, files: Sequence[DataFile]) -> None:
        """Take ``files`` there; each replaces what has its name once it has arrived whole.

        Raises :class:`~hera_experiment.errors.UserError` when that is impossible.
        """
        meter = Meter(self._say, sum(each.size for each in files))
        try:
            small = {each.path: each for each in files if each.size <= _SMALL}
            entries = [Entry(each.path, each.size, 0, 0) for each in small.values()]
            for batch in batches(entries, _PIECE, _MOST_NAMES):
                self._take_batch([small[each.path] for each in batch], meter)
            for each in files:
                if each.size > _SMALL:
                    self._take_big(each, meter)
            self._run(_CLEAN)
        except ScriptFailed as error:
            raise UserError(
                f"the claim does not take the files of data/: {printable(error.errors)}"
                if error.errors
                else "the claim does not take the files of data/",
                next_step="is it full, or may its folder data/ not be written?",
            ) from None

    def _take_batch(self, files: Sequence[DataFile], meter: Meter) -> None:
        packed = _packed(files)
        printed = self._run(_UNPACK, given=packed)
        sums = dict(line.split()[::-1] for line in printed.decode("ascii").splitlines())
        for number, each in enumerate(files):
            if sums.get(str(number)) != each.sum:
                raise _changed(each)
        self._place([(f"batch/{number}", each) for number, each in enumerate(files)])
        meter.count(sum(each.size for each in files))

    def _take_big(self, file: DataFile, meter: Meter) -> None:
        def append_rest() -> None:
            with file.file.open("rb") as opened:
                length = int(b"".join(self._shell.run(_LENGTH, self._folder, "0", file.sum)) or 0)
                opened.seek(length)
                while piece := opened.read(_PIECE):
                    words = (str(len(piece)), file.sum, str(length), str(length + len(piece)))
                    b"".join(self._shell.run(_APPEND, self._folder, *words, given=piece))
                    length += len(piece)
                    meter.count(len(piece))

        steadily(append_rest, lambda: meter.arrived, self._pause)
        if self._run(_SUM, file.sum).split()[0].decode("ascii") != file.sum:
            self._run(_CLEAN)
            raise _changed(file)
        self._place([(file.sum, file)])

    def _place(self, arrived: Sequence[tuple[str, DataFile]]) -> None:
        pairs = [name.encode() + b"\0./" + each.path + b"\0" for name, each in arrived]
        self._run(_PLACE, given=b"".join(pairs))

    def _run(self, script: str, *words: str, given: bytes = b"") -> bytes:
        return steadily(
            lambda: b"".join(
                self._shell.run(script, self._folder, str(len(given)), *words, given=given)
            ),
            lambda: 0,
            self._pause,
        )


def _packed(files: Sequence[DataFile]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for number, each in enumerate(files):
            member = tarfile.TarInfo(str(number))
            content = each.file.read_bytes()
            member.size = len(content)
            member.mode = 0o755 if each.is_program else 0o644
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _changed(file: DataFile) -> UserError:
    return UserError("it changed while it was copied to the claim", str(file.file), "submit again")
