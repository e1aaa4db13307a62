"""The worker threads of the local engine."""

import threading

from hera_experiment.local.engine.pool import Job, Pool


def test_jobs_that_come_together_run_together_though_one_thread_is_idle() -> None:
    pool = Pool(2)
    for _ in range(20):
        before = threading.Event()
        pool.submit(Job(before.set, "first"))
        assert before.wait(10)
        # Each waits for the other: with one thread neither would get on.
        together = threading.Barrier(3, timeout=10)
        pool.submit(Job(lambda met=together: met.wait() and None, "second"))
        pool.submit(Job(lambda met=together: met.wait() and None, "second"))
        together.wait()
    pool.close()


def test_no_more_jobs_run_than_there_are_threads() -> None:
    pool = Pool(2)
    running, most, lock = 0, 0, threading.Lock()
    done = threading.Semaphore(0)

    def job() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.01)
        with lock:
            running -= 1
        done.release()

    for _ in range(20):
        pool.submit(Job(job, "all"))
    for _ in range(20):
        assert done.acquire(timeout=10)
    pool.close()
    assert most == 2
