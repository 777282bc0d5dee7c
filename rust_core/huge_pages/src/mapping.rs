//! Blocks that are mappings of their own.

use std::alloc::Layout;
use std::ffi::c_void;
use std::ptr::null_mut;

use rustix::mm::{Advice, MapFlags, MremapFlags, ProtFlags, madvise, mmap_anonymous, mremap, munmap};

use crate::HUGE;

/// Alignments that every page has.
const MOST_ALIGNED: usize = 4096;

/// Whether a block with this layout is a mapping.
pub(crate) fn suits(layout: Layout) -> bool {
    layout.size() >= HUGE && layout.align() <= MOST_ALIGNED
}

/// What is mapped for a block: whole huge pages, so that every size of page divides it. (A block is at most `isize::MAX` long.)
fn length(size: usize) -> usize {
    size.next_multiple_of(HUGE)
}

/// A new block of zeros, or null.
pub(crate) fn map(size: usize) -> *mut u8 {
    let length = length(size);
    let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    // SAFETY: a new mapping wherever there is room.
    let Ok(begin) = (unsafe { mmap_anonymous(null_mut(), length + HUGE, protection, flags) }) else {
        return null_mut();
    };
    let before = begin.addr().next_multiple_of(HUGE) - begin.addr();
    let block = begin.wrapping_byte_add(before);
    // What lies before and behind goes back. Where that fails, it stays: untouched, it takes no memory.
    for (part, length) in [(begin, before), (block.wrapping_byte_add(length), HUGE - before)] {
        if length > 0 {
            // SAFETY: a part of the new mapping, outside the block.
            let _ = unsafe { munmap(part, length) };
        }
    }
    advise(block, size);
    block.cast()
}

/// Gives a block back.
///
/// # Safety
/// The block comes from here, with this size, and nobody uses it any more.
pub(crate) unsafe fn unmap(block: *mut u8, size: usize) {
    // SAFETY: as the caller promises. It cannot fail but for want of memory for the kernel's own notes; then the block stays.
    let _ = unsafe { munmap(block.cast(), length(size)) };
}

/// The block with another size, perhaps elsewhere, or null, and then it stays as it was.
///
/// # Safety
/// The block comes from here, with the size `old`.
pub(crate) unsafe fn resize(block: *mut u8, old: usize, new: usize) -> *mut u8 {
    if length(old) == length(new) {
        return block;
    }
    // SAFETY: as the caller promises; the mapping may move.
    match unsafe { mremap(block.cast(), length(old), length(new), MremapFlags::MAYMOVE) } {
        Ok(moved) => {
            advise(moved, new);
            moved.cast()
        }
        Err(_) => null_mut(),
    }
}

/// Asks for huge pages, but for the last that the block does not fill: the rest of it would be no use to anybody else.
fn advise(block: *mut c_void, size: usize) {
    // SAFETY: the block spans these pages, and the advice changes nothing of what they hold. It may be refused.
    let _ = unsafe { madvise(block, size / HUGE * HUGE, Advice::LinuxHugepage) };
}

#[cfg(test)]
mod tests {
    use std::alloc::GlobalAlloc;
    use std::fs;

    use super::*;
    use crate::HugePages;

    /// The bytes of this process that are in memory.
    fn resident() -> usize {
        let pages = fs::read_to_string("/proc/self/statm").expect("the kernel tells");
        let pages = pages.split(' ').nth(1).expect("a second number");
        pages.parse::<usize>().expect("a number") * rustix::param::page_size()
    }

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 16).expect("a layout")
    }

    #[test]
    fn blocks_keep_what_they_hold_while_they_grow_and_shrink() {
        let sizes = [
            HUGE - 1,
            HUGE,
            HUGE + 1,
            5 * HUGE + 123,
            100,
            3 * HUGE,
            2 * HUGE - 1,
            40 * HUGE,
            HUGE - 1,
        ];
        let mut size = 64;
        // SAFETY: each block is used within its size, and given back once, with the layout that it has.
        unsafe {
            let mut block = HugePages.alloc(layout(size));
            (0..size).for_each(|index| block.add(index).write(index as u8));
            for next in sizes {
                block = HugePages.realloc(block, layout(size), next);
                assert!(!block.is_null() && block.addr().is_multiple_of(16));
                assert!((0..size.min(next).min(64)).all(|index| block.add(index).read() == index as u8));
                block.add(next - 1).write(7);
                size = next;
            }
            HugePages.dealloc(block, layout(size));
        }
    }

    #[test]
    fn zeroed_blocks_are_zeros_and_take_no_memory_until_they_are_touched() {
        let size = 512 << 20;
        let before = resident();
        // SAFETY: the blocks are used within their sizes, and given back once.
        unsafe {
            let used = HugePages.alloc(layout(3 * HUGE));
            used.write_bytes(1, 3 * HUGE);
            HugePages.dealloc(used, layout(3 * HUGE));
            let block = HugePages.alloc_zeroed(layout(size));
            assert!(!block.is_null());
            assert!((0..size).step_by(64 << 20).all(|index| block.add(index).read() == 0));
            assert!(resident() < before + size / 4);
            HugePages.dealloc(block, layout(size));
        }
        assert!(resident() < before + size / 8);
    }

    #[test]
    fn what_is_no_mapping_is_the_systems() {
        for (size, align) in [(HUGE - 1, 8), (4 * HUGE, 2 * HUGE), (1, 1)] {
            let layout = Layout::from_size_align(size, align).expect("a layout");
            assert!(!suits(layout));
            // SAFETY: the block is used within its size, and given back once.
            unsafe {
                let block = HugePages.alloc_zeroed(layout);
                assert!(block.addr().is_multiple_of(align) && block.add(size - 1).read() == 0);
                HugePages.dealloc(block, layout);
            }
        }
    }

    #[test]
    fn too_much_is_null() {
        let layout = layout(isize::MAX as usize - 63);
        // SAFETY: nothing is used.
        assert!(unsafe { HugePages.alloc(layout) }.is_null());
    }
}
