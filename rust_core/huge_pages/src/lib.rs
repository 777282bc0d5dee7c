//! An allocator whose large blocks ask for huge pages.
//!
//! On Linux a program that first touches memory pays for each page of 4 KiB, which costs more than filling it; fits and predictions
//! touch many megabytes once. So blocks of [`HUGE`] bytes and more are mappings of their own, that begin where a huge page does, and
//! ask for huge pages as NumPy does for its arrays: untouched memory stays untouched, what is given back is the system's at once, and
//! blocks grow without a copy. All other blocks, and all blocks elsewhere, are the system's allocator's.

#[cfg(target_os = "linux")]
mod mapping;

use std::alloc::{GlobalAlloc, Layout, System};

/// The size of a huge page, and of the smallest block that asks for some.
pub const HUGE: usize = 2 << 20;

/// The allocator.
pub struct HugePages;

// SAFETY: whether a block is a mapping depends on its layout alone, which callers give back as it was; mappings and the system's
// blocks are what the trait asks for.
#[cfg(target_os = "linux")]
unsafe impl GlobalAlloc for HugePages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if mapping::suits(layout) {
            return mapping::map(layout.size());
        }
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if mapping::suits(layout) {
            // New pages are zeros.
            return mapping::map(layout.size());
        }
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if mapping::suits(layout) {
            // SAFETY: the block was mapped with this size, and nobody uses it any more.
            unsafe { mapping::unmap(block, layout.size()) }
        } else {
            // SAFETY: the block is the system's, with this layout.
            unsafe { System.dealloc(block, layout) }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size, rounded up to the alignment, is no more than the largest.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (mapping::suits(layout), mapping::suits(wanted)) {
            // SAFETY: the block was mapped with this size.
            (true, true) => unsafe { mapping::resize(block, layout.size(), size) },
            // SAFETY: the block is the system's, with this layout.
            (false, false) => unsafe { System.realloc(block, layout, size) },
            _ => {
                // SAFETY: the caller promises that the size is not 0.
                let moved = unsafe { self.alloc(wanted) };
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
    }
}

// SAFETY: all blocks are the system's.
#[cfg(not(target_os = "linux"))]
unsafe impl GlobalAlloc for HugePages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { System.realloc(block, layout, size) }
    }
}
