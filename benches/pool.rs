//! What a fork-join costs: `cargo bench --bench pool`. Medians, so that one disturbed round says nothing.

use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{available_parallelism, park, sleep, spawn};
use std::time::{Duration, Instant};

use sessile::pool::Pool;

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
    report("1000 empty chunks", 2000, || {}, || pool.parallel_for(1000, &|_| {}));
    for total in [20, 50, 100, 1000] {
        let work = || pool.parallel_for(8, &|_| busy_ns(total * 1000 / 8));
        report(&format!("{total} us of work in 8 chunks, back to back"), 500, || {}, work);
        report(&format!("{total} us of work in 8 chunks, 1 ms apart"), 300, || sleep(Duration::from_millis(1)), work);
    }
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
        while theirs.load(Ordering::Acquire) % 2 == 0 {
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
