//! The memory under a value: a block that is ours, or one adopted from a `Vec`.
//!
//! Whatever safe code can reach is initialised: fresh blocks are zeroed by the allocator (for big blocks that is free,
//! the kernel hands out zero pages), recycled ones hold old data, and of an adopted `Vec` only its elements count.

use std::alloc::{self, Layout};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::meter::Ticket;
use crate::dtype::{Element, Plain};
use crate::error::{Error, ErrorKind, Result};

/// Alignment of our blocks as the allocator sees it: what malloc gives anyway. Asking it for 64 costs 73 ns instead of
/// 10 for a small block.
const OWN_ALIGN: usize = 16;
/// Alignment of the data of wide blocks, made by hand inside the block: 64-byte vectors then never straddle lines.
const WIDE_ALIGN: usize = 64;
/// Bytes from which a block is wide.
pub(super) const WIDE_FROM: usize = 4096;

/// Bytes up to which a block is zeroed by hand: `calloc` passes by the allocator's lists of small blocks of a thread,
/// and costs 20 ns more.
const ZERO_BY_HAND: usize = 1024;

/// One block of memory. Always behind an `Arc`; written only by who holds the `Arc` alone.
pub struct Buffer {
    data: NonNull<u8>,
    /// Initialised bytes from `data` on.
    init: usize,
    block: NonNull<u8>,
    /// What the block must be freed with; size 0 means that there is no block.
    layout: Layout,
    /// What gives the bytes back to the budget that they were counted against.
    ticket: Option<Box<Ticket>>,
}

// SAFETY: a buffer owns plain bytes that nothing else points into; shared access only reads.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

#[repr(align(64))]
struct Wide;

impl Buffer {
    /// A block of our own with `bytes` zeroed bytes.
    pub(super) fn zeroed(bytes: usize) -> Result<Buffer> {
        let mut buffer = Buffer::own(bytes, |layout| unsafe { zeroed_block(layout) })?;
        buffer.init = bytes;
        Ok(buffer)
    }

    /// As [`Buffer::zeroed`], counted against a budget while it lives.
    pub(super) fn zeroed_on(ticket: Ticket, bytes: usize) -> Result<Buffer> {
        Ok(Buffer::zeroed(bytes)?.counted(Some(ticket)))
    }

    /// The same memory, whose bytes count against a budget while it lives.
    pub(super) fn counted(mut self, ticket: Option<Ticket>) -> Buffer {
        self.ticket = ticket.map(Box::new);
        self
    }

    /// A block of our own that holds a copy of `source`.
    pub(super) fn copy_of<T: Plain>(source: &[T]) -> Result<Buffer> {
        let bytes = size_of_val(source);
        let mut buffer = Buffer::own(bytes, |layout| unsafe { alloc::alloc(layout) })?;
        // SAFETY: the new block has room for `bytes` and cannot overlap the source; after the copy they are initialised.
        unsafe { buffer.data.copy_from_nonoverlapping(NonNull::from(source).cast(), bytes) };
        buffer.init = bytes;
        Ok(buffer)
    }

    /// Zeroed memory that a `Vec<T>` can own later without a copy.
    pub(super) fn zeroed_for<T: Plain>(len: usize) -> Result<Buffer> {
        let layout = Layout::array::<T>(len).map_err(|_| too_large(len))?;
        if layout.size() == 0 {
            return Ok(Buffer::adopt(Vec::<T>::new()));
        }
        // SAFETY: the layout's size is not 0.
        let block = NonNull::new(unsafe { zeroed_block(layout) }).ok_or_else(|| too_large(layout.size()))?;
        Ok(Buffer { data: block, init: layout.size(), block, layout, ticket: None })
    }

    /// Takes over a `Vec`'s memory as it is, of elements that own nothing.
    pub(super) fn adopt<T: Element>(vec: Vec<T>) -> Buffer {
        assert!(!std::mem::needs_drop::<T>(), "elements of a buffer are plain");
        let mut vec = ManuallyDrop::new(vec);
        let layout = Layout::array::<T>(vec.capacity()).expect("the layout of a Vec exists");
        let block = NonNull::new(vec.as_mut_ptr()).expect("a Vec's pointer is never null").cast();
        Buffer { data: block, init: size_of_val(vec.as_slice()), block, layout, ticket: None }
    }

    /// Gives the memory to a `Vec` of the first `len` elements, if a `Vec<T>` would free it with the same layout.
    ///
    /// # Safety
    /// The buffer holds `len` valid elements of `T`.
    pub(super) unsafe fn into_vec<T: Element>(self, len: usize) -> Result<Vec<T>, Buffer> {
        let size = size_of::<T>();
        let fits = self.layout.align() == align_of::<T>() && self.layout.size().is_multiple_of(size);
        if !fits || self.data != self.block || self.layout.size() == 0 || self.ticket.is_some() {
            return Err(self);
        }
        let this = ManuallyDrop::new(self);
        // SAFETY: the block came from the global allocator with the layout of `Vec<T>` of this capacity, the caller
        // promises the elements, and `self` no longer frees it.
        Ok(unsafe { Vec::from_raw_parts(this.data.cast().as_ptr(), len, this.layout.size() / size) })
    }

    /// Initialised bytes.
    pub(super) fn capacity(&self) -> usize {
        self.init
    }

    /// Whether the block is ours, so that any dtype and any run may use it.
    pub(super) fn is_ours(&self) -> bool {
        self.layout.align() == OWN_ALIGN && self.ticket.is_none()
    }

    /// The first `len` elements.
    ///
    /// # Safety
    /// The buffer holds `len` valid elements of `T`.
    pub(super) unsafe fn elements<T: Element>(&self, len: usize) -> &[T] {
        debug_assert!(len * size_of::<T>() <= self.init && self.data.cast::<T>().is_aligned());
        // SAFETY: promised by the caller; every block is aligned for the elements it was made for.
        unsafe { std::slice::from_raw_parts(self.data.cast().as_ptr(), len) }
    }

    /// The first `len` elements, to write.
    ///
    /// # Safety
    /// The buffer holds `len` valid elements of `T`.
    pub(super) unsafe fn elements_mut<T: Element>(&mut self, len: usize) -> &mut [T] {
        debug_assert!(len * size_of::<T>() <= self.init && self.data.cast::<T>().is_aligned());
        // SAFETY: as in `elements`, and `&mut self` is the only access.
        unsafe { std::slice::from_raw_parts_mut(self.data.cast().as_ptr(), len) }
    }

    /// Zeroes the first `bytes`: 0 is a valid element of every plain dtype.
    pub(super) fn clear(&mut self, bytes: usize) {
        // SAFETY: any initialised byte is a valid u8.
        unsafe { self.elements_mut::<u8>(bytes.min(self.init)) }.fill(0);
    }

    /// A block of our own, not yet initialised (`init` is 0). `allocate` gets a layout of a size other than 0.
    fn own(bytes: usize, allocate: impl FnOnce(Layout) -> *mut u8) -> Result<Buffer> {
        if bytes == 0 {
            let block = NonNull::<Wide>::dangling().cast();
            let layout = Layout::from_size_align(0, OWN_ALIGN).expect("16 is a power of two");
            return Ok(Buffer { data: block, init: 0, block, layout, ticket: None });
        }
        let slack = if bytes >= WIDE_FROM { WIDE_ALIGN - OWN_ALIGN } else { 0 };
        let size = bytes.checked_add(slack).ok_or_else(|| too_large(bytes))?;
        let layout = Layout::from_size_align(size, OWN_ALIGN).map_err(|_| too_large(bytes))?;
        let block = NonNull::new(allocate(layout)).ok_or_else(|| too_large(bytes))?;
        let skip = if slack == 0 { 0 } else { block.addr().get().wrapping_neg() % WIDE_ALIGN };
        // SAFETY: the block is 16-aligned, so at most 48 bytes are skipped, and that much slack was asked for.
        Ok(Buffer { data: unsafe { block.add(skip) }, init: 0, block, layout, ticket: None })
    }
}

/// A zeroed block, or null.
///
/// # Safety
/// The layout's size is not 0.
unsafe fn zeroed_block(layout: Layout) -> *mut u8 {
    if layout.size() > ZERO_BY_HAND {
        // SAFETY: promised by the caller.
        return unsafe { alloc::alloc_zeroed(layout) };
    }
    // SAFETY: promised by the caller.
    let block = unsafe { alloc::alloc(layout) };
    if !block.is_null() {
        // SAFETY: the block has that many bytes.
        unsafe { block.write_bytes(0, layout.size()) };
    }
    block
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.layout.size() != 0 {
            // SAFETY: the block came from the global allocator with this layout and has no other owner.
            unsafe { alloc::dealloc(self.block.as_ptr(), self.layout) };
        }
    }
}

#[cold]
pub(super) fn too_large(bytes: usize) -> Error {
    Error::new(ErrorKind::ResourceExhausted, format!("out of memory: a tensor needs {bytes} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_blocks_are_aligned_to_64() {
        for bytes in [WIDE_FROM, WIDE_FROM + 1, 1 << 20, 3 << 20] {
            for _ in 0..5 {
                let buffer = Buffer::zeroed(bytes).unwrap();
                assert_eq!(buffer.data.addr().get() % WIDE_ALIGN, 0);
                assert!(unsafe { buffer.elements::<u8>(bytes) }.iter().all(|&b| b == 0));
            }
        }
    }

    #[test]
    fn a_vec_goes_in_and_out_with_its_spare_capacity() {
        let mut vec = Vec::with_capacity(100);
        vec.extend([1.5f32, 2.5, 3.5]);
        let at = vec.as_ptr();
        let buffer = Buffer::adopt(vec);
        assert_eq!(buffer.capacity(), 12, "spare capacity is not initialised");
        let back = unsafe { buffer.into_vec::<f32>(3) }.ok().unwrap();
        assert_eq!((back.as_ptr(), back.capacity(), back.as_slice()), (at, 100, &[1.5, 2.5, 3.5][..]));
    }

    #[test]
    fn a_block_of_another_layout_stays_a_block() {
        assert!(unsafe { Buffer::zeroed(12).unwrap().into_vec::<f32>(3) }.is_err());
        assert!(unsafe { Buffer::adopt(vec![0u8; 12]).into_vec::<f32>(3) }.is_err());
        assert!(unsafe { Buffer::zeroed_for::<f32>(3).unwrap().into_vec::<f32>(3) }.is_ok());
        assert!(unsafe { Buffer::zeroed_for::<f32>(0).unwrap().into_vec::<f32>(0) }.is_err());
    }

    #[test]
    fn a_block_beyond_memory_is_an_error() {
        for bytes in [usize::MAX, isize::MAX as usize, isize::MAX as usize - 64] {
            assert_eq!(Buffer::zeroed(bytes).err().unwrap().kind(), ErrorKind::ResourceExhausted);
            assert!(Buffer::zeroed_for::<f64>(bytes).is_err());
        }
    }
}
