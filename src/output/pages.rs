//! Files of the state directory of which only the part that is asked for is read.
//!
//! Behind such a file's content stands a checksum of each of its pages, and whoever names the file does so by
//! a checksum of these. So a page is believed as much as the whole file would be, once it and the checksums
//! were read: one lookup among 300,000 records costs some thirty pages instead of 30 MB.
//!
//! A page that is not what it was is answered by nothing, here and from then on ([`Pages::is_damaged`]):
//! whoever is about to act on what was found asks that first.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use twox_hash::XxHash3_128;

/// The bytes of a page; the last one may be shorter.
pub(super) const PAGE: usize = 4096;
/// The bytes of the checksum of a page: XXH3, 128 bits, little-endian.
pub(super) const SUM: usize = 16;
/// How many pages are looked after together.
const GROUP: usize = 64;
/// More pages than this are checked on all threads.
const MANY: usize = 256;

/// The checksums of all pages of some content, in order.
pub(super) fn sums(content: &[u8]) -> Vec<u8> {
    let sum = |page: &[u8]| XxHash3_128::oneshot(page).to_le_bytes();
    let sums: Vec<[u8; SUM]> = match content.len() / PAGE {
        0..MANY => content.chunks(PAGE).map(sum).collect(),
        _ => content.par_chunks(PAGE).with_min_len(GROUP).map(sum).collect(),
    };
    sums.into_flattened()
}

/// How many bytes the checksums of so much content take.
pub(super) fn sums_length(content: usize) -> usize {
    content.div_ceil(PAGE).saturating_mul(SUM)
}

/// Content in a file, of which every page that was asked for is kept.
pub(super) struct Pages {
    file: File,
    size: usize,
    sums: Vec<u8>,
    groups: Vec<OnceLock<Box<[Slot]>>>,
    damaged: AtomicBool,
}

/// One page, and the piece of text that begins in it and ends in a later one.
#[derive(Default)]
struct Slot {
    page: OnceLock<Option<Box<[u8]>>>,
    seam: OnceLock<Option<(usize, Box<[u8]>)>>,
}

impl Pages {
    /// The content of `size` bytes that `file` begins with, whose pages have these checksums.
    pub(super) fn new(file: File, size: usize, sums: Vec<u8>) -> Self {
        let groups = size.div_ceil(PAGE).div_ceil(GROUP);
        let groups = std::iter::repeat_with(OnceLock::new).take(groups).collect();
        Self { file, size, sums, groups, damaged: AtomicBool::new(false) }
    }

    /// Whether anything that was asked for could not be had as it was written.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }

    /// Notes that something that was read makes no sense.
    pub(super) fn damage(&self) {
        self.damaged.store(true, Ordering::Release);
    }

    fn slot(&self, page: usize) -> Option<&Slot> {
        let group = self.groups.get(page / GROUP)?;
        group.get_or_init(|| std::iter::repeat_with(Slot::default).take(GROUP).collect()).get(page % GROUP)
    }

    fn page(&self, number: usize) -> Option<&[u8]> {
        self.slot(number)?.page.get_or_init(|| self.read(number)).as_deref()
    }

    fn read(&self, number: usize) -> Option<Box<[u8]>> {
        let start = number.checked_mul(PAGE)?;
        let mut page = vec![0; PAGE.min(self.size.checked_sub(start)?)].into_boxed_slice();
        self.file.read_exact_at(&mut page, start as u64).ok()?;
        let at = number.checked_mul(SUM)?;
        let sum = self.sums.get(at..)?.first_chunk::<SUM>()?;
        (XxHash3_128::oneshot(&page).to_le_bytes() == *sum).then_some(page)
    }

    /// Some bytes, copied.
    pub(super) fn copy(&self, at: usize, into: &mut [u8]) -> Option<()> {
        let copied = self.try_copy(at, into);
        if copied.is_none() {
            self.damage();
        }
        copied
    }

    fn try_copy(&self, mut at: usize, mut into: &mut [u8]) -> Option<()> {
        while !into.is_empty() {
            let page = self.page(at / PAGE)?.get(at % PAGE..)?;
            let length = page.len().min(into.len());
            let (now, later) = into.split_at_mut_checked(length).filter(|_| length > 0)?;
            now.copy_from_slice(page.get(..length)?);
            (at, into) = (at.checked_add(length)?, later);
        }
        Some(())
    }

    /// Some bytes where they lie; they may go on in a later page if no other piece of the content does so from
    /// the same one.
    pub(super) fn piece(&self, at: usize, length: usize) -> Option<&[u8]> {
        let piece = self.try_piece(at, length);
        if piece.is_none() {
            self.damage();
        }
        piece
    }

    fn try_piece(&self, at: usize, length: usize) -> Option<&[u8]> {
        if length == 0 {
            return (at <= self.size).then_some(&[]);
        }
        let (number, within) = (at / PAGE, at % PAGE);
        if within.checked_add(length)? <= PAGE {
            return self.page(number)?.get(within..within + length);
        }
        if at.checked_add(length)? > self.size {
            return None;
        }
        let gather = || {
            let mut bytes = vec![0; length].into_boxed_slice();
            self.try_copy(at, &mut bytes).map(|()| (at, bytes))
        };
        let (known, bytes) = self.slot(number)?.seam.get_or_init(gather).as_ref()?;
        (*known == at && bytes.len() == length).then_some(&**bytes)
    }
}

/// One of the pipeline's own files, in pages: content, the checksums of its pages, how long the content is (8
/// bytes, little-endian) and the checksum of these two.
pub struct PagedFile {
    pages: Pages,
    name: u128,
}

/// The bytes behind the checksums of pages.
const END: usize = size_of::<u64>() + size_of::<u128>();

impl PagedFile {
    /// Opens a file that [`seal_pages`] made. Nothing if it is anything else, as far as can be told without
    /// reading its content.
    pub(super) fn open(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let length = usize::try_from(file.metadata().ok()?.len()).ok()?;
        let mut end = [0; END];
        let end_at = length.checked_sub(END)?;
        file.read_exact_at(&mut end, end_at as u64).ok()?;
        let size = usize::try_from(u64::from_le_bytes(*end.first_chunk()?)).ok()?;
        // Lengths that do not add up would otherwise ask for any amount of memory.
        if size.checked_add(sums_length(size))? != end_at {
            return None;
        }
        let mut sums = vec![0; sums_length(size)];
        file.read_exact_at(&mut sums, size as u64).ok()?;
        let name = name(&sums, size);
        (name == u128::from_le_bytes(*end.last_chunk()?))
            .then(|| Self { pages: Pages::new(file, size, sums), name })
    }

    /// The checksum that names the file.
    pub fn name(&self) -> u128 {
        self.name
    }

    /// How many bytes of content there are.
    pub fn size(&self) -> usize {
        self.pages.size
    }

    /// Fills `into` with the content from `at` on. Nothing if there is not so much of it, or if it is not what
    /// was written.
    pub fn copy(&self, at: usize, into: &mut [u8]) -> Option<()> {
        self.pages.copy(at, into)
    }
}

fn name(sums: &[u8], size: usize) -> u128 {
    XxHash3_128::oneshot_with_seed(size as u64, sums)
}

/// Some content as a file that can be read in pages, and the checksum that names it.
pub fn seal_pages(mut content: Vec<u8>) -> (Vec<u8>, u128) {
    let (sums, size) = (sums(&content), content.len());
    let name = name(&sums, size);
    content.reserve_exact(sums.len() + END);
    content.extend_from_slice(&sums);
    content.extend_from_slice(&(size as u64).to_le_bytes());
    content.extend_from_slice(&name.to_le_bytes());
    (content, name)
}

/// The content of such a file and the checksum that names it, all of it checked; nothing if it is not whole.
pub fn open_pages(bytes: &[u8]) -> Option<(&[u8], u128)> {
    let (rest, end) = bytes.split_last_chunk::<END>()?;
    let size = usize::try_from(u64::from_le_bytes(*end.first_chunk()?)).ok()?;
    let (content, standing) = rest.split_at_checked(size)?;
    let name = name(standing, size);
    let sound = name == u128::from_le_bytes(*end.last_chunk()?) && sums(content) == standing;
    sound.then_some((content, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Content of a few pages and the file that it is in.
    fn made(size: usize) -> (tempfile::TempDir, Vec<u8>, Vec<u8>) {
        let place = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..size).map(|n| (n * n / 7 % 251) as u8).collect();
        let (bytes, name) = seal_pages(content.clone());
        assert_eq!(open_pages(&bytes), Some((content.as_slice(), name)));
        std::fs::write(place.path().join("a"), &bytes).unwrap();
        (place, content, bytes)
    }

    #[test]
    fn any_part_is_read_as_it_was_written() {
        for size in [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 17, (GROUP + 2) * PAGE] {
            let (place, content, bytes) = made(size);
            let file = PagedFile::open(&place.path().join("a")).unwrap();
            assert_eq!((file.size(), Some(file.name())), (size, open_pages(&bytes).map(|found| found.1)));
            for start in [0, 1, PAGE - 3, PAGE, 2 * PAGE + 5, size.saturating_sub(1), size] {
                for length in [0, 1, 7, PAGE, 2 * PAGE + 1] {
                    let mut part = vec![0; length];
                    let file = PagedFile::open(&place.path().join("a")).unwrap();
                    let expected = content.get(start..start + length);
                    assert_eq!(
                        file.copy(start, &mut part),
                        expected.map(|_| ()).or((length == 0).then_some(()))
                    );
                    assert_eq!(file.pages.piece(start, length), expected, "{size} {start} {length}");
                    if let Some(expected) = expected {
                        assert_eq!(part, expected);
                        assert!(!file.pages.is_damaged());
                    }
                }
            }
        }
    }

    #[test]
    fn a_changed_byte_is_noticed_where_it_is_read() {
        let (place, content, bytes) = made(5 * PAGE + 100);
        let path = place.path().join("a");
        for at in (0..bytes.len()).step_by(509) {
            let mut wrong = bytes.clone();
            wrong[at] ^= 4;
            std::fs::write(&path, &wrong).unwrap();
            assert_eq!(open_pages(&wrong), None);
            let Some(file) = PagedFile::open(&path) else {
                assert!(at >= content.len(), "the content is not looked at");
                continue;
            };
            assert!(at < content.len());
            for start in (0..content.len()).step_by(PAGE) {
                let mut page = vec![0; PAGE.min(content.len() - start)];
                let hit = at / PAGE == start / PAGE;
                assert_eq!(file.copy(start, &mut page).is_none(), hit);
                assert_eq!(page == content[start..start + page.len()], !hit);
            }
            assert!(file.pages.is_damaged());
        }
        for length in 0..bytes.len() {
            if length % 97 == 0 || length + 200 > bytes.len() {
                std::fs::write(&path, &bytes[..length]).unwrap();
                assert!(PagedFile::open(&path).is_none() && open_pages(&bytes[..length]).is_none());
            }
        }
    }

    #[test]
    fn two_pieces_may_not_cross_the_same_seam() {
        let (place, content, _) = made(3 * PAGE);
        let file = PagedFile::open(&place.path().join("a")).unwrap();
        assert_eq!(file.pages.piece(PAGE - 2, 4), content.get(PAGE - 2..PAGE + 2));
        assert_eq!(file.pages.piece(PAGE - 2, 4), content.get(PAGE - 2..PAGE + 2), "the same again");
        assert_eq!(file.pages.piece(PAGE - 3, 4), None);
        assert!(file.pages.is_damaged());
    }
}
