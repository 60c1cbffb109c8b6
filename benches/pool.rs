//! What a fork-join costs: `cargo bench --bench pool`. Medians, so that one disturbed round says nothing.

use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{available_parallelism, park, scope, sleep, spawn};
use std::time::{Duration, Instant};

use sessile::pool::{Job, Pool};

fn main() -> sessile::Result<()> {
    for threads in [1, 2, 16] {
        report(&format!("pool of {threads} made and dropped"), 200, || {}, || drop(black_box(Pool::new(threads))));
        report_start(threads);
    }
    report_unpark();
    let threads = available_parallelism().map_or(1, usize::from);
    println!("from here on {threads} threads");
    let pool = Pool::new(threads)?;
    let empty = || pool.parallel_for(threads, &|_| {});
    let meet = || meet(&pool);
    report("empty chunks, back to back", 20_000, || {}, empty);
    report("empty chunks, 1 ms apart (workers parked)", 500, || sleep(Duration::from_millis(1)), empty);
    report("all threads meet, back to back", 20_000, || {}, meet);
    for gap in [10, 50, 300] {
        report(&format!("all threads meet, {gap} us apart"), 2000, || busy(gap), meet);
    }
    report("all threads meet, 1 ms apart (workers parked)", 500, || sleep(Duration::from_millis(1)), meet);
    if threads > 1 {
        for gap in [0, 50, 300, 1000] {
            report(
                &format!("first sign of a helper, {gap} us after the last"),
                1000,
                || pause(gap),
                || first_sign(&pool),
            );
        }
    }
    report("1000 empty chunks", 2000, || {}, || pool.parallel_for(1000, &|_| {}));
    for total in [20, 50, 100, 1000] {
        let work = || pool.parallel_for(8, &|_| busy_ns(total * 1000 / 8));
        report(&format!("{total} us of work in 8 chunks, back to back"), 500, || {}, work);
        report(&format!("{total} us of work in 8 chunks, 1 ms apart"), 300, || sleep(Duration::from_millis(1)), work);
    }
    report_crowd()
}

/// More workers than cores, and more callers than workers: who waits must not be in the way of who works.
fn report_crowd() -> sessile::Result<()> {
    let pool = Pool::new(8)?;
    let caller = || (0..50).for_each(|_| pool.parallel_for(8, &|_| busy_ns(5_000)));
    report(
        "16 callers x 50 x 40 us of work in a pool of 8",
        20,
        || {},
        || scope(|scope| (0..16).for_each(|_| drop(scope.spawn(caller)))),
    );
    Ok(())
}

/// One chunk a thread, each of which waits for the others: the time until the last worker has started.
fn meet(pool: &Pool) {
    let (threads, met) = (pool.threads(), AtomicUsize::new(0));
    pool.parallel_for(threads, &|_| {
        met.fetch_add(1, Ordering::AcqRel);
        while met.load(Ordering::Acquire) < threads {
            spin_loop();
        }
    });
}

/// The time until a helper has begun its unit, and has left.
fn first_sign(pool: &Pool) {
    let job = Sign(AtomicBool::new(false));
    pool.offer(&job, |offer| {
        offer.notify(1);
        while !job.0.load(Ordering::Acquire) {
            spin_loop();
        }
    });
}

struct Sign(AtomicBool);

impl Job for Sign {
    fn work(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// As a program pauses: in its own computation for a short while, asleep for a long one.
fn pause(us: u64) {
    if us < 1000 { busy(us) } else { sleep(Duration::from_micros(us)) }
}

fn busy(us: u64) {
    busy_ns(us * 1000);
}

fn busy_ns(ns: u64) {
    let start = Instant::now();
    while start.elapsed() < Duration::from_nanos(ns) {
        spin_loop();
    }
}

/// The yardstick for parked workers: a bare thread, from the call that wakes it to its first sign.
fn report_unpark() {
    let signs = Arc::new(AtomicUsize::new(0));
    let theirs = Arc::clone(&signs);
    let sleeper = spawn(move || {
        while theirs.load(Ordering::Acquire) & 1 == 0 {
            park();
            theirs.fetch_add(2, Ordering::AcqRel);
        }
    });
    let wake = || {
        let before = signs.load(Ordering::Acquire);
        sleeper.thread().unpark();
        while signs.load(Ordering::Acquire) == before {
            spin_loop();
        }
    };
    report("a bare thread unparked, 1 ms apart", 500, || sleep(Duration::from_millis(1)), wake);
    signs.fetch_add(1, Ordering::AcqRel);
    sleeper.thread().unpark();
    sleeper.join().expect("the sleeper does not panic");
}

/// Making a pool alone, without the joining.
fn report_start(threads: usize) {
    let times = (0..200).map(|_| {
        let start = Instant::now();
        let pool = Pool::new(threads);
        let time = start.elapsed();
        drop(pool);
        time
    });
    print(&format!("pool of {threads} made"), times.collect());
}

fn report(what: &str, rounds: usize, before: impl Fn(), timed: impl Fn()) {
    let times = (0..rounds).map(|_| {
        before();
        let start = Instant::now();
        timed();
        start.elapsed()
    });
    print(what, times.collect());
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let us = |rank: usize| times[times.len() * rank / 100].as_secs_f64() * 1e6;
    println!("{what:<50} {:>9.2} us   (p5 {:.2}, p95 {:.2})", us(50), us(5), us(95));
}
