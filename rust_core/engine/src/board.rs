//! The board: memory that the workers of one server share.
//!
//! Limits and unloaded models belong to a server, not to a worker, and the Python server's workers are processes.
//! So both live on a page that all workers of a server map: a repository generation, the set of unloaded versions,
//! and a seat for each worker with its gauges. Every field is an atomic changed by single operations, so a worker
//! killed at any moment leaves the board readable; its gauges are cleared by [`Board::clear`].

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

use crate::error::Error;

/// Most workers of one server; `server.workers` is checked against it.
pub(crate) const MAX_WORKERS: usize = 256;
/// Most versions that can be unloaded at one time.
const MAX_UNLOADED: usize = 1024;

#[repr(C)]
struct Memory {
    workers: AtomicU32,
    generation: AtomicU64,
    reloads: AtomicU64,
    unloaded: [AtomicU64; MAX_UNLOADED],
    gauges: [Gauges; MAX_WORKERS],
}

/// What one worker has in progress. A cache line each, as workers write them for every call.
#[repr(C, align(128))]
struct Gauges {
    requests: AtomicU32,
    fits: AtomicU32,
}

/// The memory shared by the workers of one server. Clones share it.
#[derive(Debug, Clone)]
pub struct Board(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    file: OwnedFd,
    map: MmapRaw,
}

/// A worker's place at the board.
#[derive(Debug, Clone)]
pub struct Seat {
    board: Board,
    worker: usize,
}

impl Board {
    /// Makes a board for a server with this many workers.
    ///
    /// # Errors
    /// When the system has no memory for it, or there are more workers than seats.
    pub fn create(workers: usize) -> io::Result<Self> {
        let count = u32::try_from(workers)
            .ok()
            .filter(|_| (1..=MAX_WORKERS).contains(&workers))
            .ok_or_else(|| {
                let problem = format!("expected 1 to {MAX_WORKERS} workers, got {workers}");
                io::Error::new(io::ErrorKind::InvalidInput, problem)
            })?;
        let file = memfd_create("ferrule-board", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, size_of::<Memory>() as u64)?;
        let board = Self::map(file)?;
        board.memory().workers.store(count, Ordering::Relaxed);
        Ok(board)
    }

    /// Maps the board of a parent process, given the descriptor of [`fd`](Self::fd).
    ///
    /// # Errors
    /// When the descriptor is not that of a board.
    pub fn attach(file: OwnedFd) -> io::Result<Self> {
        let size = rustix::fs::fstat(&file)?.st_size;
        if size != size_of::<Memory>() as i64 {
            let problem = format!("expected a board of {} bytes, got {size}", size_of::<Memory>());
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Self::map(file)
    }

    fn map(file: OwnedFd) -> io::Result<Self> {
        let map = MmapOptions::new().len(size_of::<Memory>()).map_raw(&file)?;
        Ok(Self(Arc::new(Shared { file, map })))
    }

    /// The descriptor to hand to worker processes.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.file.as_fd()
    }

    /// The place of one worker, counted from 0. A place beyond the last worker's is the last one's.
    #[must_use]
    pub fn seat(&self, worker: usize) -> Seat {
        Seat {
            board: self.clone(),
            worker: worker.min(self.workers() - 1),
        }
    }

    /// Clears the gauges of a worker that died, so that what it had in progress does not count for ever.
    pub fn clear(&self, worker: usize) {
        if let Some(gauges) = self.memory().gauges.get(worker) {
            gauges.requests.store(0, Ordering::Relaxed);
            gauges.fits.store(0, Ordering::Relaxed);
        }
    }

    fn workers(&self) -> usize {
        (self.memory().workers.load(Ordering::Relaxed) as usize).clamp(1, MAX_WORKERS)
    }

    fn memory(&self) -> &Memory {
        let start: NonNull<Memory> =
            NonNull::new(self.0.map.as_mut_ptr().cast()).expect("a mapping is not at address 0");
        // SAFETY: the mapping is page-aligned, as long as Memory (created or checked so) and lives as long as
        // self; Memory is made of atomics only, for which any bytes, written by any process, are valid.
        unsafe { start.as_ref() }
    }

    /// Grows whenever what the workers serve has changed: they look at it for every request.
    pub(crate) fn generation(&self) -> u64 {
        self.memory().generation.load(Ordering::Acquire)
    }

    pub(crate) fn next_generation(&self) {
        self.memory().generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Grows whenever damaged files are to be tried again.
    pub(crate) fn reloads(&self) -> u64 {
        self.memory().reloads.load(Ordering::Acquire)
    }

    pub(crate) fn next_reload(&self) {
        self.memory().reloads.fetch_add(1, Ordering::AcqRel);
    }

    /// The versions that are unloaded now.
    pub(crate) fn unloaded(&self) -> Unloaded {
        let keys = self.memory().unloaded.iter().map(|slot| slot.load(Ordering::Acquire));
        Unloaded(keys.filter(|&key| key != 0).collect())
    }

    /// Notes a version as unloaded; false when the set is full.
    pub(crate) fn unload(&self, model: &str, version: u32) -> bool {
        let key = key(model, version);
        self.unloaded().contains(model, version)
            || self.memory().unloaded.iter().any(|slot| {
                slot.compare_exchange(0, key, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
            })
    }

    pub(crate) fn load(&self, model: &str, version: u32) {
        let key = key(model, version);
        for slot in &self.memory().unloaded {
            let _ = slot.compare_exchange(key, 0, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

/// Versions that were unloaded.
pub(crate) struct Unloaded(HashSet<u64>);

impl Unloaded {
    pub(crate) fn contains(&self, model: &str, version: u32) -> bool {
        self.0.contains(&key(model, version))
    }
}

/// A version in 64 bits, the same in every worker; 0 is an empty slot.
fn key(model: &str, version: u32) -> u64 {
    let mut hasher = DefaultHasher::new();
    (model, version).hash(&mut hasher);
    hasher.finish().max(1)
}

/// What is counted while it is in progress.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gauge {
    Requests,
    Fits,
}

impl Gauge {
    fn of(self, gauges: &Gauges) -> &AtomicU32 {
        match self {
            Self::Requests => &gauges.requests,
            Self::Fits => &gauges.fits,
        }
    }
}

/// A place within a limit; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Admitted {
    seat: Seat,
    gauge: Gauge,
}

impl Seat {
    pub(crate) fn board(&self) -> &Board {
        &self.board
    }

    /// Takes a place, unless all workers together have `limit` taken.
    pub(crate) fn admit(&self, gauge: Gauge, limit: u32) -> Result<Admitted, Error> {
        let gauges = &self.board.memory().gauges;
        gauge.of(&gauges[self.worker]).fetch_add(1, Ordering::Relaxed);
        let admitted = Admitted {
            seat: self.clone(),
            gauge,
        };
        let taken: u64 = gauges[..self.board.workers()]
            .iter()
            .map(|gauges| u64::from(gauge.of(gauges).load(Ordering::Relaxed)))
            .sum();
        if taken <= u64::from(limit) {
            return Ok(admitted);
        }
        let (what, setting) = match gauge {
            Gauge::Requests => ("calls", "limits.max_requests_in_flight"),
            Gauge::Fits => ("fits", "limits.max_fits_in_flight"),
        };
        Err(Error::Busy {
            what,
            limit: limit.into(),
            setting,
        })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let gauges = &self.seat.board.memory().gauges[self.seat.worker];
        self.gauge.of(gauges).fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_counts_all_workers_and_a_dead_one_is_cleared() {
        let board = Board::create(2).unwrap();
        let other = Board::attach(board.fd().try_clone_to_owned().unwrap()).unwrap();
        let first = board.seat(0).admit(Gauge::Fits, 2).unwrap();
        let lost = other.seat(1).admit(Gauge::Fits, 2).unwrap();
        assert!(matches!(
            board.seat(0).admit(Gauge::Fits, 2),
            Err(Error::Busy { limit: 2, .. })
        ));
        std::mem::forget(lost); // as a killed worker does
        board.clear(1);
        let second = other.seat(1).admit(Gauge::Fits, 2).unwrap();
        assert!(board.seat(0).admit(Gauge::Fits, 2).is_err());
        drop((first, second));
        assert!(board.seat(0).admit(Gauge::Fits, 1).is_ok());
    }

    #[test]
    fn unloaded_versions_are_shared_and_bounded() {
        let board = Board::create(1).unwrap();
        let other = Board::attach(board.fd().try_clone_to_owned().unwrap()).unwrap();
        assert!(board.unload("iris", 1));
        assert!(other.unloaded().contains("iris", 1) && !other.unloaded().contains("iris", 2));
        other.load("iris", 1);
        assert!(!board.unloaded().contains("iris", 1));
        for version in 0..MAX_UNLOADED as u32 {
            assert!(board.unload("many", version));
        }
        assert!(!board.unload("one more", 1));
        board.load("many", 0);
        assert!(board.unload("one more", 1));
    }

    #[test]
    fn only_a_board_can_be_attached() {
        let file = tempfile::tempfile().unwrap();
        assert!(Board::attach(file.into()).is_err());
        assert!(Board::create(0).is_err());
        assert!(Board::create(MAX_WORKERS + 1).is_err());
    }
}
