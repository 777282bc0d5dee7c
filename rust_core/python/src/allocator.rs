//! The system's allocator, whose large blocks ask for huge pages: on Linux first touching memory otherwise costs more than filling it
//! (a fault for each 4 KiB), and fits and predictions touch many megabytes once. NumPy asks for its own large arrays likewise.

use std::alloc::{GlobalAlloc, Layout, System};

/// The size of a huge page; smaller blocks are left to the system, and all of them where it has none.
const HUGE: usize = if cfg!(target_os = "linux") { 2 << 20 } else { usize::MAX };

#[global_allocator]
static ALLOCATOR: HugePages = HugePages;

struct HugePages;

impl HugePages {
    /// Large blocks begin where a huge page does.
    fn layout(layout: Layout) -> Layout {
        if layout.size() < HUGE {
            return layout;
        }
        // An alignment that cannot be had leaves the block as it was asked for.
        layout.align_to(HUGE).unwrap_or(layout)
    }
}

// SAFETY: all blocks are the system's, which gets the same layout back that it was asked for: it depends on the caller's alone.
unsafe impl GlobalAlloc for HugePages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let layout = Self::layout(layout);
        // SAFETY: the caller's layout is not empty, and neither is this.
        let block = unsafe { System.alloc(layout) };
        advise(block, layout);
        block
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() < HUGE {
            // SAFETY: as the caller promises.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: as the caller promises.
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() {
            // SAFETY: the block has this size, and nobody else knows it.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block was allocated with this very layout.
        unsafe { System.dealloc(block, Self::layout(layout)) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.size() < HUGE && size < HUGE {
            // SAFETY: as the caller promises.
            return unsafe { System.realloc(block, layout, size) };
        }
        // SAFETY: the caller promises that the size, rounded up to the alignment, is no more than the largest.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the caller promises that the size is not 0.
        let moved = unsafe { self.alloc(new) };
        if !moved.is_null() {
            // SAFETY: both blocks have at least the lesser size, and the new one is nobody else's; then the old one is given back.
            unsafe {
                moved.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
        }
        moved
    }
}

/// Asks for huge pages for a large block.
#[cfg(target_os = "linux")]
fn advise(block: *mut u8, layout: Layout) {
    if layout.align() < HUGE || block.is_null() {
        return;
    }
    // Whole ones: the rest of the block would be no use to anybody else.
    let length = layout.size() / HUGE * HUGE;
    // SAFETY: the block spans these pages, and the advice changes nothing of what they hold. It may be refused.
    let _ = unsafe { rustix::mm::madvise(block.cast(), length, rustix::mm::Advice::LinuxHugepage) };
}

#[cfg(not(target_os = "linux"))]
fn advise(_block: *mut u8, _layout: Layout) {}
