//! An array map as memory of this process: the words that the kernel programs use, not a copy of them.
//!
//! A row that is written through a system call is written as a whole, over whatever a program puts into it meanwhile.
//! Here a single word is changed, by compare-exchange where it matters.

use std::{
    os::fd::AsFd as _,
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};

use aya::maps::{Map, MapData};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::error::{MapError, refused};

/// The rows of an array map whose size is a multiple of eight.
pub(super) struct Shared {
    start: NonNull<AtomicU64>,
    words: usize,
    row: usize,
    /// Kept for its pin.
    data: MapData,
}

// SAFETY: the memory is shared with other CPUs anyway, and every access is atomic; it is unmapped only by Drop.
unsafe impl Send for Shared {}

impl Shared {
    /// Maps it. The map must have been made for that (`BPF_F_MMAPABLE`).
    pub(super) fn new(name: &'static str, map: Map) -> Result<Self, MapError> {
        let Map::Array(data) = map else { return Err(MapError::Missing(name)) };
        let info = data.info().map_err(refused(name))?;
        let row = (info.value_size() as usize).div_ceil(size_of::<u64>());
        let words = row * info.max_entries() as usize;
        let bytes = words * size_of::<u64>();
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a mapping of its own at an address that the kernel chooses; nothing else refers to it.
        let start = unsafe { mmap(std::ptr::null_mut(), bytes, protection, flags, data.fd().as_fd(), 0) };
        let start = start.map_err(|source| MapError::Mapped { map: name, source })?;
        let start = NonNull::new(start.cast()).ok_or(MapError::Missing(name))?;
        Ok(Self { start, words, row, data })
    }

    /// Every word.
    pub(super) fn words(&self) -> &[AtomicU64] {
        // SAFETY: `words` words are mapped, aligned to a page, for as long as `self` lives; any bits are valid.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.words) }
    }

    /// The word of a row that lies `offset` bytes into it.
    pub(super) fn word(&self, row: u32, offset: usize) -> Option<&AtomicU64> {
        let inside = offset / size_of::<u64>();
        (inside < self.row).then(|| self.words().get(row as usize * self.row + inside)).flatten()
    }

    /// Sets such a word.
    pub(super) fn set(&self, row: u32, offset: usize, value: u64) {
        if let Some(word) = self.word(row, offset) {
            word.store(value, Ordering::SeqCst);
        }
    }

    pub(super) fn data(&self) -> &MapData {
        &self.data
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this size; every reference into it borrows `self`.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.words * size_of::<u64>()) };
    }
}
