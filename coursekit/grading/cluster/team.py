"""The workers of a cluster as a team: who is in it, and who grades what."""

import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from tqdm import tqdm

from coursekit.core.terminal import printable
from coursekit.grading import apart
from coursekit.grading.cluster.connection import connected
from coursekit.grading.cluster.parcels import Shared, class_zips, data_sets, packed
from coursekit.grading.cluster.workers import LOOK, LostError, MisfitError, Worker, Workers
from coursekit.grading.evaluate import failed_record, new_record
from coursekit.grading.intake.sources import Source
from coursekit.grading.intake.text import listed, why
from coursekit.grading.intake.zips import Refused
from coursekit.grading.record import Record, State
from coursekit.grading.running import sandbox
from coursekit.grading.settings import BatchError, Settings

ROUNDS = 3  # how often a submission is tried
FAULTS = 3  # submissions in a row that fail on a worker before it is left out
JOIN = 30.0  # seconds until a scheduler must have a worker
ANSWER = 60.0  # seconds that those who are there have to answer
PATIENCE = 2.0  # seconds that workers have to end what they do, once somebody stops the command
CLEARING = 20.0  # seconds that they have to remove what they were sent, at the end
MANY = 5  # submissions for each worker from which on it pays to run the reference before, which each would else
MOST_THREADS = 2_000  # that wait for workers


@dataclass
class Job:
    """A submission that is to be graded, the workers that tried it, and what became of the last trial."""

    source: Source
    tried: list[str] = field(default_factory=list)
    record: Record | None = None
    reason: str = ""


@contextmanager
def open_cluster(address: str, settings: Settings) -> Iterator["Cluster"]:
    """The cluster of a scheduler, with workers that can grade.

    Raises
    ------
    BatchError
        If there is no Dask, no scheduler, or no worker that can grade.
    """
    with connected(address) as client:
        cluster = Cluster(address, client, settings)
        try:
            cluster.meet()
            yield cluster
        except BaseException:
            cluster.end(PATIENCE)
            raise
        cluster.end(CLEARING)


class Cluster:
    """Workers that grade.

    Parameters
    ----------
    address : str
        Of the scheduler.
    client : distributed.Client
    settings : Settings
        Those that are asked for.

    Attributes
    ----------
    settings : Settings
        Those that are used: the isolation is the strongest that any worker has.
    team : dict
        The workers that can grade, by address.
    ready : dict
        Those of them that have what they share.
    """

    def __init__(self, address: str, client: Any, settings: Settings) -> None:
        self.address, self.settings = address, settings
        self.workers = Workers(client)
        self.team: dict[str, Worker] = {}
        self.ready: dict[str, Worker] = {}
        self._pool = ThreadPoolExecutor(MOST_THREADS, "cluster")
        self._known: set[str] = set()
        self._asked: dict[Future[Worker], str] = {}
        self._supplied: dict[Future[None], Worker] = {}
        self._shared: list[Shared] = []
        self._is_large = False
        self._running: dict[Future[Record], tuple[Worker, Job]] = {}
        self._faults: Counter[str] = Counter()

    # ---- who is there

    def meet(self) -> None:
        """Wait for workers, ask all that are there, and choose the isolation; BatchError if none can grade."""
        self._wait_for_workers()
        self._ask_new()
        fit = self._first_answers()
        self.settings = replace(self.settings, isolation=self.settings.isolation or _strongest(fit))
        for worker in fit:
            self._take_in(worker)
        if not self.team:
            raise BatchError(f"No worker of {self.address} can grade.")
        _say(self._introduction())

    def _wait_for_workers(self) -> None:
        deadline = time.monotonic() + JOIN
        self.workers.look()
        while not self.workers.present:
            if time.monotonic() > deadline:
                raise BatchError(f"The scheduler has no worker. Start some: dask worker {self.address}")
            time.sleep(LOOK)
            self.workers.look()

    def _first_answers(self) -> list[Worker]:
        """The workers that could grade, among those that answer in time; at least one, if there is one."""
        fit: list[Worker] = []
        deadline = time.monotonic() + ANSWER
        while self._asked and (not fit or time.monotonic() < deadline):
            wait(self._asked, timeout=LOOK)
            self.workers.look()
            fit += self._answers()
        return fit

    def _introduction(self) -> str:
        slots = sum(worker.slots for worker in self.team.values())
        who = "1 worker grades" if len(self.team) == 1 else f"{len(self.team)} workers grade"
        many = "1 submission" if slots == 1 else f"{slots} submissions"
        return f"{who} {many} at a time ({self.settings.isolation}): {listed(map(str, self.team.values()))}."

    def _ask_new(self) -> None:
        for address in sorted(set(self.workers.present) - self._known):
            self._known.add(address)
            self._asked[self._pool.submit(self.workers.welcome, address, self.settings)] = address

    def _answers(self) -> list[Worker]:
        """The workers that have answered since the last time and could grade; the others are named."""
        fit = []
        for future in [future for future in self._asked if future.done()]:
            address = self._asked.pop(future)
            try:
                fit.append(future.result())
            except (LostError, MisfitError) as error:
                if address in self.workers.present:
                    _leave_out(address, str(error))
                else:
                    _say(f"Worker {address} ended before it could answer; has it the same version of Dask as this one?")
        return fit

    def _take_in(self, worker: Worker) -> bool:
        """Take a worker into the team, if it has the isolation of the others."""
        if obstacle := worker.obstacles[self.settings.isolation]:
            _leave_out(str(worker), f"{self.settings.isolation} does not work there ({obstacle})")
            return False
        self.team[worker.address] = worker
        return True

    def _look(self) -> None:
        """See who has come and who is gone."""
        self.workers.look()
        self._see_off()
        self._known &= set(self.workers.present)
        self._ask_new()
        for worker in self._answers():
            if self._take_in(worker):
                _say(f"Worker {worker} has joined.")
                self._supply(worker)
        self._see_supplied()

    def _see_off(self) -> None:
        gone = set(self.team) - set(self.workers.present)
        for address in gone:
            self.ready.pop(address, None)
            _say(f"Worker {self.team.pop(address)} is gone.")
        if gone and not self.team:
            _say(f"{time.strftime('%H:%M')}: no worker is left. Start some: dask worker {self.address}")

    def _supply(self, worker: Worker) -> None:
        self._supplied[self._pool.submit(self._prepare, worker)] = worker

    def _prepare(self, worker: Worker) -> None:
        """Send a worker what all share, and let it run the reference once for all submissions, if these are many."""
        for file in self._shared:
            self.workers.send(worker, file)
        if self._is_large:
            self.workers.ask(worker, apart.preparation(self.settings))

    def _see_supplied(self) -> None:
        """Workers are ready as soon as they have what they share."""
        for future in [future for future in self._supplied if future.done()]:
            worker = self._supplied.pop(future)
            try:
                future.result()
            except (LostError, OSError) as error:
                if self.team.pop(worker.address, None):
                    _leave_out(str(worker), f"it could not be sent what it needs: {error}")
            else:
                if worker.address in self.team:
                    self.ready[worker.address] = worker

    # ---- what they do

    def graded(self, sources: list[Source]) -> Generator[tuple[Source, Record], None, None]:
        """Grade the sources; yields each with its record as soon as it is complete."""
        if not sources:
            return
        self._shared = [*class_zips(sources), *(data_sets() if self.settings.notebooks == "run" else ())]
        self._is_large = len(sources) >= MANY * len(self.team)
        for worker in self.team.values():
            self._supply(worker)
        waiting = [Job(source) for source in sources]
        looked = 0.0
        while waiting or self._running:
            if time.monotonic() > looked + LOOK:
                self._look()
                looked = time.monotonic()
            self._assign(waiting)
            done = wait(self._running, timeout=LOOK, return_when=FIRST_COMPLETED).done
            if not self._running:
                time.sleep(LOOK)
            for future in done:
                job = self._concluded(future)
                if job.record:
                    yield job.source, job.record
                else:
                    waiting.insert(0, job)

    def _assign(self, waiting: list[Job]) -> None:
        """Give work to all who are free."""
        busy = Counter(worker.address for worker, _ in self._running.values())
        for worker in self.ready.values():
            for _ in range(worker.slots - busy[worker.address]):
                job = next((job for job in waiting if self._may_try(worker, job)), None)
                if job is None:
                    break
                waiting.remove(job)
                job.tried.append(worker.address)
                self._running[self._pool.submit(self._record, worker, job.source)] = worker, job

    def _may_try(self, worker: Worker, job: Job) -> bool:
        """Whether a worker may try a submission: again only if there is nobody else."""
        return worker.address not in job.tried or not set(self.ready) - set(job.tried)

    def _record(self, worker: Worker, source: Source) -> Record:
        """The record that a worker makes."""
        try:
            request = apart.request(*packed(source), self.settings)
        except Refused as refused:
            return replace(new_record(source, self.settings), state=State.REFUSED, reason=str(refused))
        except OSError as error:
            return failed_record(source, self.settings, f"it cannot be read here ({why(error)})")
        return Record.from_json(self.workers.ask(worker, request))

    def _concluded(self, future: Future) -> Job:
        """The job that a worker has done with: with its record, or without one if it is to be tried again."""
        worker, job = self._running.pop(future)
        try:
            record, reason = future.result(), ""
        except Exception as error:
            record, reason = None, str(error) if isinstance(error, LostError) else why(error)
        is_fine = record is not None and record.is_settled
        self._count(worker, is_fine, reason or (record.reason if record else ""))
        is_last = len(job.tried) >= ROUNDS or record is not None and not set(self.ready) - set(job.tried)
        if is_fine or is_last:
            job.record = record or failed_record(job.source, self.settings, f"{reason}, the last of {ROUNDS} times")
        return job

    def _count(self, worker: Worker, is_fine: bool, reason: str) -> None:
        """Leave a worker out on which one submission after the other fails, if there are others."""
        self._faults[worker.address] = 0 if is_fine else self._faults[worker.address] + 1
        if self._faults[worker.address] >= FAULTS and worker.address in self.ready and len(self.ready) > 1:
            del self.ready[worker.address], self.team[worker.address]
            _leave_out(str(worker), f"{FAULTS} submissions in a row could not be graded there: {reason}")

    def end(self, seconds: float = PATIENCE) -> None:
        """Let nobody begin, end what has begun, and let the workers remove what they have."""
        self.workers.is_over = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        clearing = threading.Thread(target=self._clear, daemon=True)
        clearing.start()
        clearing.join(seconds)

    def _clear(self) -> None:
        with suppress(Exception):  # the cluster may be gone
            self.workers.clear()


def _strongest(fit: list[Worker]) -> str:
    """The strongest isolation that works on any worker."""
    has_bubblewrap = any(not worker.obstacles[sandbox.BUBBLEWRAP] for worker in fit)
    return sandbox.BUBBLEWRAP if has_bubblewrap else sandbox.LIMITS


def _leave_out(who: str, reason: str) -> None:
    _say(f"Worker {who} is not used: {reason}.")


def _say(text: str) -> None:
    tqdm.write(printable(text))
