"""Many envelopes: found in folders, judged by several processes, in the order of their names.

Memory does not grow with what the envelopes hold: of each judged file stays what its report says,
and of a passed one that is not to be shown only what receipts are held against.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import stat
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from envelopes import xades_t
from envelopes.evidence.stamp import ENDINGS as ENDINGS_BESIDE
from envelopes.evidence.stamp import STAMP_MAX
from envelopes.report import Indication, Report
from envelopes.verify import Binding, verify, verify_file
from keys.revocation import Evidence
from keys.trust import Trust

from . import files

ENDINGS = (".edxml", ".xml")
BATCH = 100  # files that a process judges before it answers; an answer costs about one file
AHEAD = 4  # batches for each process that are judged or wait to be taken
FEW = 2 * BATCH  # files that one process judges before others have started
HEAD = 4 * 1024 * 1024  # bytes in which a signature ends; 5,000 recipients before it have 2
IN_MEMORY = 1024 * 1024  # bytes; a larger file is judged where it lies, in constant memory


@dataclass(slots=True)
class Found:
    """What lies in some folders.

    Args:
        paths: envelopes, sorted within each folder as given.
        stamps: of those beside which a stamp lies, under its name and an ending, where that is.
        skipped: files of other endings.
        unread: folders that could not be read.
    """

    paths: list[str] = field(default_factory=list)
    stamps: dict[str, str] = field(default_factory=dict)
    skipped: int = 0
    unread: list[OSError] = field(default_factory=list)


def find(given: Iterable[Path]) -> Found:
    """Files as they are named; of folders, all with an ending of ours, below them too. Links to
    folders are not followed: they may lead in a circle."""
    found = Found()
    for path in given:
        if path.is_dir():
            _walk(path, found)
        else:
            found.paths.append(str(path))
            for stamp in (Path(f"{path}{ending}") for ending in ENDINGS_BESIDE):
                if stamp.exists():
                    found.stamps.setdefault(str(path), str(stamp))
    return found


def _walk(folder: Path, found: Found) -> None:
    for parent, folders, names in os.walk(folder, onerror=found.unread.append):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(parent, name)  # noqa: PTH118  # a million of them
            if name.lower().endswith(ENDINGS):
                found.paths.append(path)
                continue
            found.skipped += 1
            for ending in ENDINGS_BESIDE:
                if name.endswith(ending):
                    found.stamps.setdefault(path.removesuffix(ending), path)


@dataclass(frozen=True, slots=True)
class Terms:
    """How every file is judged: arguments of `verify`, whether passed ones are shown, and which
    stamps were found (`Found`)."""

    trust: Trust
    at: datetime
    directory: Binding | None
    limit: int
    all_shown: bool
    evidence: Evidence | None = None
    stamps: Mapping[str, str] = field(default_factory=dict)


class Passed(NamedTuple):
    """Of a document that passed and is not shown: what receipts are held against."""

    file: str
    sha256: str
    sender: str
    document_id: str


Judged = Report | Passed | OSError


def judge(path: str, terms: Terms) -> Report | OSError:
    """The report about one file, or why it could not be read."""
    try:
        stamp = terms.stamps.get(path)
        beside = None if stamp is None else _stamp(stamp)
        data = _small(path)
        if data is None:
            with files.seekable(Path(path), terms.limit) as file:
                return _large(file, path, terms, beside)
        envelope, inside = xades_t.split(data) or (data, None)
        return verify(
            envelope,
            trust=terms.trust,
            at=terms.at,
            directory=terms.directory,
            timestamp=inside or beside,
            evidence=terms.evidence,
            limit=terms.limit,
            file=path,
        )
    except OSError as error:
        return error


def _large(file: BinaryIO, path: str, terms: Terms, beside: bytes | None) -> Report:
    """The report about a large one; of a copy with a token inside, about the envelope in it."""
    judge_file = partial(
        verify_file,
        trust=terms.trust,
        at=terms.at,
        directory=terms.directory,
        evidence=terms.evidence,
        limit=terms.limit,
        file=path,
    )
    found = xades_t.find(file.read(HEAD))
    if found is None:
        return judge_file(file, timestamp=beside)
    begin, end, token = found
    with tempfile.TemporaryFile() as envelope:
        file.seek(0)
        envelope.write(file.read(begin))
        file.seek(end)
        shutil.copyfileobj(file, envelope)
        return judge_file(envelope, timestamp=token)


def _stamp(path: str) -> bytes:
    """The bytes of a stamp; one that cannot be read is told as malformed."""
    try:
        return files.read_bounded(Path(path), STAMP_MAX)
    except OSError:
        return b""


def _small(path: str) -> bytes | None:
    """The bytes of a file that is small, None of any other."""
    facts = os.stat(path)  # noqa: PTH116  # a million of them
    if not stat.S_ISREG(facts.st_mode) or facts.st_size > IN_MEMORY:
        return None  # of a pipe nothing may be taken yet
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.read(handle, facts.st_size + 1)  # one more shows that it grew
    finally:
        os.close(handle)
    return data if len(data) == facts.st_size else None


def judge_all(paths: Sequence[str], terms: Terms, jobs: int) -> Iterator[Judged]:
    """A short report about each file, in their order, made by `jobs` processes."""
    if jobs == 1 or len(paths) <= FEW or "fork" not in multiprocessing.get_all_start_methods():
        yield from (_short(judge(path, terms), terms) for path in paths)
        return
    fork = multiprocessing.get_context("fork")  # the anchors need not be loaded again
    with ProcessPoolExecutor(jobs, fork, _remember, (terms,)) as pool:
        waiting: deque[Future[list[Judged]]] = deque()
        batches = (paths[at : at + BATCH] for at in range(0, len(paths), BATCH))
        try:
            for batch in islice(batches, jobs * AHEAD):
                waiting.append(pool.submit(_judge_batch, batch))
            while waiting:
                done = waiting.popleft().result()
                waiting.extend(pool.submit(_judge_batch, batch) for batch in islice(batches, 1))
                yield from done
        finally:
            pool.shutdown(cancel_futures=True)


_terms: list[Terms] = []  # of a process that judges for another


def _remember(terms: Terms) -> None:
    gc.freeze()  # what was loaded stays: looking through it again takes a tenth of the time
    _terms[:] = [terms]


def _judge_batch(paths: Sequence[str]) -> list[Judged]:
    return [_short(judge(path, _terms[0]), _terms[0]) for path in paths]


def _short(judged: Report | OSError, terms: Terms) -> Judged:
    if isinstance(judged, OSError):
        return judged
    shown = terms.all_shown or judged.indication is not Indication.PASSED
    if shown or judged.kind == "status":
        return judged.without_content()
    return Passed(judged.file, judged.sha256, judged.sender, judged.document_id)
