//! An allocator that refuses what would take a process over 2 GiB.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What one case may have at a time, in bytes.
const LIMIT: usize = 2 << 30;

static LIVE: AtomicUsize = AtomicUsize::new(0);

pub struct Limited;

// SAFETY: the system's allocator does the work; a null pointer is its own way of saying that there is no memory.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of the system's allocator.
        counted(layout.size(), || unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        counted(layout.size(), || unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

fn counted(size: usize, alloc: impl FnOnce() -> *mut u8) -> *mut u8 {
    let live = LIVE.fetch_add(size, Ordering::Relaxed);
    let at = if live.saturating_add(size) > LIMIT { std::ptr::null_mut() } else { alloc() };
    if at.is_null() {
        LIVE.fetch_sub(size, Ordering::Relaxed);
    }
    at
}
