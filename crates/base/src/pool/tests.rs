//! The pool with real threads: what callers may rely on, under stress.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::handle::{MAX_THREADS, probe};
use super::{Job, Pool};
use crate::error::ErrorKind;

const SIZES: [usize; 4] = [1, 2, 3, 8];

/// Far beyond what any step here takes, so that a hang fails instead of hanging.
const LIMIT: Duration = Duration::from_secs(60);

#[track_caller]
fn wait_for(done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < LIMIT, "waited {LIMIT:?} for nothing");
        thread::yield_now();
    }
}

#[track_caller]
fn check_each_once(pool: &Pool, chunks: usize) {
    let runs: Vec<AtomicUsize> = (0..chunks).map(|_| AtomicUsize::new(0)).collect();
    pool.parallel_for(chunks, &|chunk| {
        runs[chunk].fetch_add(1, Ordering::Relaxed);
    });
    assert!(runs.into_iter().all(|runs| runs.into_inner() == 1));
}

/// The panic of `parallel_for` when the given chunks panic with their number.
fn panic_of(pool: &Pool, chunks: usize, bad: &[usize]) -> Option<usize> {
    let f = |chunk| {
        if bad.contains(&chunk) {
            resume_unwind(Box::new(chunk))
        }
    };
    let caught = catch_unwind(AssertUnwindSafe(|| pool.parallel_for(chunks, &f)));
    caught.err().map(|payload| *payload.downcast().expect("chunks panic with their number"))
}

#[test]
fn sizes_out_of_range_are_errors() {
    for threads in [0, MAX_THREADS + 1, usize::MAX] {
        let error = Pool::new(threads).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().ends_with(&format!("but is {threads}")), "{error}");
    }
}

#[test]
fn refused_thread_leaves_a_smaller_pool_that_works() {
    let (pool, refused) = probe::start_limited(8, 3);
    assert!(refused.is_some());
    assert_eq!(pool.threads(), 3);
    check_each_once(&pool, 100);
}

#[test]
fn each_chunk_runs_once_whatever_the_size() {
    for threads in SIZES {
        let pool = Pool::new(threads).unwrap();
        assert_eq!(pool.threads(), threads);
        for chunks in [0, 1, 2, 3, 7, 1000] {
            for _ in 0..20 {
                check_each_once(&pool, chunks);
            }
        }
    }
}

#[test]
fn parked_workers_come() {
    let pool = Pool::new(3).unwrap();
    for _ in 0..5 {
        thread::sleep(Duration::from_millis(2));
        let ids = Mutex::new(HashSet::new());
        // Each chunk waits for the two others, so three threads have to take part.
        let met = AtomicUsize::new(0);
        pool.parallel_for(3, &|_| {
            ids.lock().insert(thread::current().id());
            met.fetch_add(1, Ordering::SeqCst);
            wait_for(|| met.load(Ordering::SeqCst) == 3);
        });
        assert_eq!(ids.into_inner().len(), 3);
    }
}

#[test]
fn workers_have_names() {
    let pool = Pool::new(2).unwrap();
    let (names, met) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    pool.parallel_for(2, &|_| {
        names.lock().push(thread::current().name().map(String::from));
        met.fetch_add(1, Ordering::SeqCst);
        wait_for(|| met.load(Ordering::SeqCst) == 2);
    });
    assert!(names.into_inner().contains(&Some("sessile-worker-1".into())));
}

#[test]
fn sixty_four_callers_nest_without_deadlock() {
    for threads in SIZES {
        let pool = Pool::new(threads).unwrap();
        let runs = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| nest(&pool, 3, &runs));
            }
        });
        assert_eq!(runs.into_inner(), 64 * 5 * 5 * 5);
    }
}

fn nest(pool: &Pool, depth: usize, runs: &AtomicUsize) {
    if depth == 0 {
        runs.fetch_add(1, Ordering::Relaxed);
    } else {
        pool.parallel_for(5, &|_| nest(pool, depth - 1, runs));
    }
}

#[test]
fn smallest_panic_wins_and_the_pool_stays_usable() {
    for threads in SIZES {
        let pool = Pool::new(threads).unwrap();
        for _ in 0..100 {
            assert_eq!(panic_of(&pool, 50, &[]), None);
            assert_eq!(panic_of(&pool, 50, &[49, 7, 8, 30]), Some(7));
            assert_eq!(panic_of(&pool, 50, &(0..50).collect::<Vec<_>>()), Some(0));
        }
        check_each_once(&pool, 100);
    }
}

#[test]
fn payload_that_panics_in_drop_harms_nobody() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new("a bomb"));
        }
    }
    let pool = Pool::new(4).unwrap();
    for _ in 0..20 {
        let met = AtomicUsize::new(0);
        let chunk = |_| {
            met.fetch_add(1, Ordering::SeqCst);
            wait_for(|| met.load(Ordering::SeqCst) == 4);
            resume_unwind(Box::new(Bomb))
        };
        let caught = catch_unwind(AssertUnwindSafe(|| pool.parallel_for(4, &chunk)));
        std::mem::forget(caught.unwrap_err());
    }
    check_each_once(&pool, 100);
}

#[test]
fn panics_of_many_callers_do_not_mix() {
    let pool = Pool::new(3).unwrap();
    thread::scope(|scope| {
        for caller in 0..16 {
            let pool = &pool;
            scope.spawn(move || {
                for _ in 0..50 {
                    assert_eq!(panic_of(pool, 20, &[caller, 19]), Some(caller));
                }
            });
        }
    });
}

/// A job whose unit breaks the contract when a helper does it.
struct Broken(thread::ThreadId, AtomicBool);

impl Job for Broken {
    fn work(&self) -> bool {
        if thread::current().id() == self.0 || self.1.swap(true, Ordering::SeqCst) {
            return false;
        }
        resume_unwind(Box::new("broken"))
    }
}

#[test]
fn unit_that_unwinds_against_its_contract_reaches_the_caller() {
    let pool = Pool::new(2).unwrap();
    let job = Broken(thread::current().id(), AtomicBool::new(false));
    let body = |offer: &super::Offer<'_>| {
        offer.notify(1);
        wait_for(|| job.1.load(Ordering::SeqCst));
    };
    let caught = catch_unwind(AssertUnwindSafe(|| pool.offer(&job, body)));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"broken"));
    check_each_once(&pool, 100);
}

/// A job without end.
struct Endless(AtomicUsize);

impl Job for Endless {
    fn work(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed);
        true
    }
}

#[test]
fn offer_ends_with_its_body_though_units_remain() {
    let pool = Pool::new(3).unwrap();
    let job = Endless(AtomicUsize::new(0));
    pool.offer(&job, |offer| {
        offer.notify(2);
        offer.park_until(|| job.0.load(Ordering::Relaxed) > 1000);
    });
    let done = job.0.load(Ordering::Relaxed);
    thread::sleep(Duration::from_millis(1));
    assert_eq!(job.0.load(Ordering::Relaxed), done);
    let caught = catch_unwind(AssertUnwindSafe(|| pool.offer(&job, |_| resume_unwind(Box::new("body")))));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"body"));
}

#[test]
fn stale_signal_is_harmless_and_keeps_no_worker() {
    let pool = Pool::new(2).unwrap();
    let signal = pool.offer(&Endless(AtomicUsize::new(0)), |offer| offer.signal());
    signal.notify(1);
    signal.progress();
    check_each_once(&pool, 10);
    drop(pool);
    signal.notify(1);
}

#[test]
fn pools_made_and_dropped_leave_no_thread() {
    for turn in 0..2000 {
        let pool = Pool::new(1 + turn % 4).unwrap();
        let gone = probe::all_gone(&pool);
        if turn % 3 == 0 {
            check_each_once(&pool.clone(), 8);
        }
        drop(pool);
        assert!(gone());
    }
}

#[test]
fn last_handle_dropped_on_a_worker_stops_all() {
    for _ in 0..100 {
        let pool = Pool::new(3).unwrap();
        let gone = probe::all_gone(&pool);
        probe::drop_on_worker(pool);
        wait_for(gone);
    }
}

#[test]
fn pool_dropped_on_a_worker_of_another_is_joined() {
    let outer = Pool::new(2).unwrap();
    outer.parallel_for(8, &|_| {
        let inner = Pool::new(2).unwrap();
        check_each_once(&inner, 4);
        let gone = probe::all_gone(&inner);
        drop(inner);
        assert!(gone());
    });
}

#[test]
fn global_pool_is_one_and_works() {
    assert_eq!(Pool::global().threads(), thread::available_parallelism().map_or(1, usize::from));
    check_each_once(&Pool::global(), 100);
}
