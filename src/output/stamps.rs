//! What `stat` says of the files that a commit placed.
//!
//! A rename and a new mode change a file's ctime, so it is asked after all of them. What was written is known
//! from the temporary: a file that somebody changed in between does not get the stamp of ours. A file that came
//! with its directory is as it was when it was written.

use rayon::prelude::*;
use rustix::fs::{self, AtFlags};

use super::record::Stamp;
use super::staging::{Staged, Staging};
use super::tree::{Parent, Tree};
use super::whole::Whole;

/// How many files one thread looks at in a row: enough to find the next one in the same directory.
const RUN: usize = 256;

/// One stamp for each file; none where it is not known to have our bytes.
pub(super) fn stamps(tree: &Tree, staging: &Staging, files: &[Staged], whole: &Whole) -> Vec<Option<Stamp>> {
    let touched = |file: &Staged| file.standing_differs() || file.access_is_wrong();
    if !files.iter().any(touched) {
        return files.iter().map(|file| file.stamp).collect();
    }
    // Without a clock no stamp is worth anything; the next full build tries again.
    let now = staging.now().unwrap_or(0);
    let runs = files.par_chunks(RUN).flat_map_iter(|files| {
        let mut parent = Parent::default();
        let each = files.iter().map(|file| match touched(file) {
            true if whole.has(file) => file.stamp.map(|stamp| stamp.alone_until(whole.moment())),
            true => after(tree, &mut parent, file, now),
            false => file.stamp,
        });
        each.collect::<Vec<_>>()
    });
    runs.collect()
}

fn after<'a>(tree: &Tree, parent: &mut Parent<'a>, file: &'a Staged, now: i64) -> Option<Stamp> {
    let at = parent.at(tree, file.path.parent()).ok()?;
    let stat = fs::statat(at, file.path.name(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let stamp = Stamp::new(&stat, now);
    let same = stamp.follows(&file.stamp?) && u64::try_from(stat.st_size) == Ok(file.size);
    same.then_some(stamp)
}
