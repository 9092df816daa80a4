//! The end of a build in shards: what all of them planned becomes one build's plan, and is committed by the
//! rules of a whole build, as to collisions, modes, removals and the guard against many of them.
//!
//! Shards of one out/ have placed their files there, and the manifest knows them; what is left is to see that
//! all shards are there and agree, and to remove what none of them plans. Shards of separate trees are
//! compared with out/ and copied. Whatever was done before a crash is found done by the next merge.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::apart::one;
use super::commit::Report;
use super::layout::Kind;
use super::lock::Lock;
use super::part::{self, Part, united};
use super::plan::collides;
use super::record::{Claim, Record};
use super::shard::Shard;
use super::staging::{Staged, Standing, file_mode};
use super::state::{LOCK, Transaction, state_directory};
use super::table::Table;
use super::{Artifact, Content, Failed, Fault, Options, OutPath, Scope, codes};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// How many mistakes of one kind are told one by one.
const TOLD: usize = 20;

/// Where shards were built: an out directory of their own, and its state.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The directory.
    pub out: PathBuf,
    /// Its state directory, if not beside it.
    pub state: Option<PathBuf>,
}

/// What a merge did.
#[derive(Debug)]
pub struct Merged {
    /// As after a build of everything.
    pub report: Report,
    /// How many shards there were.
    pub shards: u16,
    /// How many devices they hold.
    pub devices: usize,
}

/// A shard that ended.
struct Found {
    part: Part,
    table: Table,
    /// The tree that its files are in; nothing for out/ itself.
    tree: Option<PathBuf>,
}

/// One path with all its owners, from the shards `by`.
struct Planned<'a> {
    record: Record<'a>,
    claims: Vec<Claim<'a>>,
    by: &'a Found,
}

/// Joins the shards in `trees`, or those that were built in `options.out` itself if there are none, into
/// `options.out`. `of` says how many shards there are; without it that is told by those found.
///
/// Errors: shards that are missing, there twice or made from different inputs; two owners of one path; a
/// file that is no longer what its shard wrote; whatever refuses a commit.
pub fn merge(options: &Options, of: Option<u16>, trees: &[Tree]) -> Result<Merged, Diagnostics> {
    let mut transaction = Transaction::begin(options).map_err(one)?;
    transaction.merges = trees.is_empty();
    let mut places = Places::default();
    if trees.is_empty() {
        places.look(&transaction.state, None, &options.out).map_err(one)?;
    }
    let mut locks = Vec::new();
    for tree in trees {
        let state = tree_state(tree).map_err(one)?;
        if fs::canonicalize(&state).ok() != fs::canonicalize(&transaction.state).ok() {
            locks.push(Lock::shared(&state.join(LOCK), options.lock_wait).map_err(one)?);
        }
        places.look(&state, Some(&tree.out), &tree.out).map_err(one)?;
    }
    let shards = places.choose(of)?;
    let mut problems = Diagnostics::default();
    agree(&shards, &mut problems);
    let planned = unite(&shards, &mut problems);
    if problems.has_errors() {
        return Err(problems);
    }
    let staged = stage(&transaction, &planned)?;
    let mut failed = Failed::default();
    for shard in &shards {
        failed.owners.extend(shard.part.failed.owners.iter().cloned());
        failed.inputs_incomplete |= shard.part.failed.inputs_incomplete;
    }
    let devices = shards.iter().map(|shard| shard.part.devices).sum();
    let count = shards.first().map_or(0, |shard| shard.part.shard.of());
    let report = transaction.commit(staged, &Scope::All(failed))?;
    Ok(Merged { report, shards: count, devices })
}

fn tree_state(tree: &Tree) -> Result<PathBuf, Fault> {
    state_directory(&Options { state: tree.state.clone(), ..Options::new(&tree.out) })
}

/// All shards that were ever begun in some places.
#[derive(Default)]
struct Places {
    /// Where they were looked for.
    looked: Vec<PathBuf>,
    ended: BTreeMap<Shard, Found>,
    /// What is wrong with those that cannot be used.
    others: BTreeMap<Shard, String>,
    twice: Vec<Diagnostic>,
}

impl Places {
    fn look(&mut self, state: &Path, tree: Option<&Path>, shown: &Path) -> Result<(), Fault> {
        self.looked.push(shown.to_owned());
        for shard in part::shards(state)? {
            let path = state.join(shard.directory()).join(Kind::Part.file());
            let read = super::tree::gone_is_none(fs::read(&path));
            let read = read.map_err(|e| super::errors::system(&e, "read", &path))?;
            let found = match read.map(|bytes| Part::decode(&bytes)) {
                Some(Ok((part, table))) if part.shard == shard => {
                    Found { part, table, tree: tree.map(Path::to_owned) }
                }
                Some(Ok(_)) => {
                    self.others.insert(shard, format!("`{}` is another shard's", path.display()));
                    continue;
                }
                Some(Err(what)) => {
                    self.others.insert(shard, format!("`{}` cannot be used: {what}", path.display()));
                    continue;
                }
                None => {
                    self.others.insert(shard, "it was begun, but did not end or was built over".to_owned());
                    continue;
                }
            };
            if self.ended.contains_key(&shard) {
                let message = format!("{shard} is there twice, the second time in `{}`", shown.display());
                let found = Diagnostic::error(codes::SHARDS_MISSING, message);
                self.twice.push(found.help("name each shard's tree once"));
            }
            self.ended.insert(shard, found);
        }
        Ok(())
    }

    /// The shards of one build, all of them.
    fn choose(mut self, of: Option<u16>) -> Result<Vec<Found>, Diagnostics> {
        let mut problems = Diagnostics::default();
        let counts =
            |shards: &mut dyn Iterator<Item = &Shard>| shards.map(|s| s.of()).collect::<BTreeSet<_>>();
        let mut known = counts(&mut self.ended.keys());
        if known.is_empty() {
            known = counts(&mut self.others.keys());
        }
        let of = match (of, known.first(), known.len()) {
            (Some(of), ..) => of,
            (None, Some(of), 1) => *of,
            (None, None, _) => {
                let looked: Vec<String> =
                    self.looked.iter().map(|path| format!("`{}`", path.display())).collect();
                let message = format!("no shard was built in {}", looked.join(" or "));
                let found = Diagnostic::error(codes::SHARDS_MISSING, message);
                problems.push(found.help("build each of them with `provc build --shard i/n`, then merge"));
                return Err(problems);
            }
            (None, ..) => {
                let known: Vec<String> = known.iter().map(ToString::to_string).collect();
                let message = format!("there are shards of builds in {} parts", known.join(" and in "));
                let found = Diagnostic::error(codes::SHARDS_MISSING, message);
                problems.push(found.help("say with `--shards N` which of them are to be merged"));
                return Err(problems);
            }
        };
        self.twice.drain(..).for_each(|found| problems.push(found));
        let all = (1..=of).filter_map(|index| Shard::new(index, of));
        let missing: Vec<Shard> = all.clone().filter(|shard| !self.ended.contains_key(shard)).collect();
        for shard in missing.iter().take(TOLD) {
            let message = format!("{shard} is missing");
            let why = self.others.get(shard).map_or("it has not been built", String::as_str);
            let help = format!("run `provc build --shard {}/{of}`, then merge again", shard.index());
            problems.push(Diagnostic::error(codes::SHARDS_MISSING, message).note(why.to_owned()).help(help));
        }
        if let Some(more) = missing.len().checked_sub(TOLD).filter(|more| *more > 0) {
            let message = format!("{more} more of the {of} shards are missing");
            problems.push(Diagnostic::error(codes::SHARDS_MISSING, message));
        }
        if problems.has_errors() {
            return Err(problems);
        }
        Ok(all.filter_map(|shard| self.ended.remove(&shard)).collect())
    }
}

/// Whether all shards were made from the same inputs.
fn agree(shards: &[Found], problems: &mut Diagnostics) {
    let Some((first, rest)) = shards.split_first() else { return };
    for other in rest {
        let (ours, theirs) = (&first.part.inputs, &other.part.inputs);
        let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        let differ: Vec<&str> = names
            .into_iter()
            .filter(|name| ours.get(*name) != theirs.get(*name))
            .map(String::as_str)
            .collect();
        if !differ.is_empty() {
            let message = format!(
                "{} was made from other inputs than {}: they differ in {}",
                other.part.shard,
                first.part.shard,
                differ.join(" and ")
            );
            let found = Diagnostic::error(codes::SHARDS_DIFFER, message);
            problems.push(found.help("build all shards from one state of the repository, with one provc"));
        }
    }
}

/// One entry for each path, sorted. Owners who plan the same bytes share it.
fn unite<'a>(shards: &'a [Found], problems: &mut Diagnostics) -> Vec<Planned<'a>> {
    let mut all: Vec<(Record<'a>, usize, &'a Found)> = Vec::new();
    for found in shards {
        all.extend((0..found.table.len()).filter_map(|i| Some((found.table.record(i)?, i, found))));
    }
    // Stable, and each shard's are sorted already.
    all.sort_by(|a, b| a.0.path.cmp(b.0.path));
    let mut planned = Vec::with_capacity(all.len());
    for alike in all.chunk_by(|a, b| a.0.path == b.0.path) {
        let Some((record, _, by)) = alike.first() else { continue };
        for (other, ..) in alike {
            if (other.digest, other.size) != (record.digest, record.size)
                && let Ok(path) = OutPath::new(record.path)
            {
                problems.push(collides(&path, record.owner, other.owner));
            }
        }
        let mut claims: Vec<Claim<'_>> = Vec::new();
        for (record, index, found) in alike {
            match record.shared {
                true => claims.extend(found.table.claims(*index)),
                false => claims.push((record.owner, record.sensitive)),
            }
        }
        claims.sort_unstable();
        if let Some((record, claims)) = united(*record, claims.into_iter()) {
            planned.push(Planned { record, claims, by });
        }
    }
    planned
}

/// Compares every file with out/, and copies those of separate trees that differ.
fn stage(transaction: &Transaction, planned: &[Planned<'_>]) -> Result<Vec<Staged>, Diagnostics> {
    let staged: Vec<Result<Staged, Box<Diagnostic>>> = planned
        .par_iter()
        .map(|planned| {
            let staged = match &planned.by.tree {
                Some(tree) => planned.copy(transaction, tree)?,
                None => planned.stands(transaction)?,
            };
            let claims = planned.claims.iter().map(|(owner, sensitive)| (owner.to_owner(), *sensitive));
            Ok(Staged { claims: claims.collect(), ..staged })
        })
        .collect();
    let mut problems = Diagnostics::default();
    let (mut fine, mut wrong) = (Vec::with_capacity(staged.len()), 0);
    for staged in staged {
        match staged {
            Ok(staged) => fine.push(staged),
            Err(problem) => {
                wrong += 1;
                if wrong <= TOLD {
                    problems.push(*problem);
                }
            }
        }
    }
    if wrong > TOLD {
        let message = format!("the same holds for {} more files", wrong - TOLD);
        problems.push(Diagnostic::error(codes::OVERTAKEN, message));
    }
    if wrong > 0 { Err(problems) } else { Ok(fine) }
}

impl Planned<'_> {
    /// A file that its shard placed in out/.
    fn stands(&self, transaction: &Transaction) -> Result<Staged, Fault> {
        let record = &self.record;
        let known = transaction.manifest.find(record.path).filter(|known| self.is(known.digest, known.size));
        let (Some(known), Ok(path)) = (known, OutPath::new(record.path)) else {
            return Err(self.changed(&transaction.options.out));
        };
        let mut staged = Staged {
            path,
            owner: record.owner.to_owner(),
            digest: known.digest,
            size: known.size,
            sensitive: record.sensitive,
            standing: Standing::Same { mode: file_mode(known.sensitive).bits(), group: true },
            temp: None,
            stamp: known.stamp,
            claims: Vec::new(),
            tighten: false,
        };
        let tree = transaction.tree.as_ref();
        if tree.is_some_and(|tree| staged.look_again(tree, transaction.group)) {
            Ok(staged)
        } else {
            Err(self.changed(&transaction.options.out))
        }
    }

    /// A file in a tree of its shard's own.
    fn copy(&self, transaction: &Transaction, tree: &Path) -> Result<Staged, Fault> {
        let record = &self.record;
        let path = OutPath::new(record.path).map_err(|_| self.changed(tree))?;
        let artifact = Artifact {
            path,
            content: Content::File(tree.join(record.path)),
            sensitive: record.sensitive,
            owner: record.owner.to_owner(),
        };
        let staged = transaction.stage(&artifact)?;
        if self.is(staged.digest, staged.size) { Ok(staged) } else { Err(self.changed(tree)) }
    }

    fn is(&self, digest: [u8; 20], size: u64) -> bool {
        (digest, size) == (self.record.digest, self.record.size)
    }

    fn changed(&self, tree: &Path) -> Fault {
        let shard = self.by.part.shard;
        let path = tree.join(self.record.path);
        let message = format!("`{}` is no longer what {shard} wrote", path.display());
        let help = format!("run `provc build --shard {}/{}` again, then merge", shard.index(), shard.of());
        Box::new(Diagnostic::error(codes::OVERTAKEN, message).help(help))
    }
}
