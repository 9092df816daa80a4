//! The last steps of a commit: the manifest, the disk, the end of the journal.

use std::fs;

use super::apply::how_far;
use super::commit::needs_all;
use super::errors::{Fault, system};
use super::layout::Kind;
use super::memo::release;
use super::staging::{MARKER, Staging, Temp};
use super::state::Transaction;
use super::tree::{Tree, volume};

/// What the placing of files leaves to do.
pub(super) struct Settled {
    pub(super) update: Update,
    /// Whether out/ needed no change at all; then there is no journal either.
    pub(super) idle: bool,
    /// How many files were placed or removed.
    pub(super) touched: usize,
    /// Temporaries that were not needed.
    pub(super) spare: Vec<Temp>,
}

/// What is to be written of the manifest.
pub(super) enum Update {
    Nothing,
    /// A whole table.
    All(Vec<u8>),
    /// A change.
    Some(Vec<u8>),
}

/// Ends a commit.
pub(super) fn settle(transaction: &mut Transaction, settled: Settled) -> Result<(), Fault> {
    let touched = settled.touched;
    end(transaction, settled).map_err(|fault| how_far(fault, touched))
}

fn end(transaction: &mut Transaction, settled: Settled) -> Result<(), Fault> {
    step(transaction)?;
    // All of it was read before anything was placed, so that this is not met.
    if transaction.manifest.is_damaged() {
        return Err(Box::new(needs_all()));
    }
    match settled.update {
        // The room that was taken for it.
        Update::Nothing => release(&transaction.state, Kind::Manifest.file()),
        Update::All(body) => transaction.manifest.replace(body, false, &transaction.state)?,
        Update::Some(change) => transaction.manifest.extend(change, &transaction.state)?,
    }
    let (Some(tree), Some(staging)) = (&transaction.tree, &transaction.staging) else { return Ok(()) };
    if transaction.options.durable && !settled.idle {
        transaction.sync(tree, staging, volume(tree.root()).ok() != volume(staging.root()).ok())?;
    }
    step(transaction)?;
    for temp in settled.spare.iter().filter(|temp| matches!(temp, Temp::Tree(..))) {
        staging.discard(tree, temp);
    }
    let gone = [
        (staging.in_tree(), transaction.place.join(MARKER)),
        (!settled.idle, transaction.state.join(Kind::Journal.file())),
    ];
    for (_, path) in gone.into_iter().filter(|(there, _)| *there) {
        fs::remove_file(&path).map_err(|e| system(&e, "remove", &path))?;
    }
    Ok(())
}

/// Where a test may stop.
fn step(transaction: &Transaction) -> Result<(), Fault> {
    #[cfg(test)]
    super::stop::step(super::stop::stop()).map_err(|e| system(&e, "write to", &transaction.state))?;
    let _ = transaction;
    Ok(())
}

impl Transaction {
    pub(super) fn sync(&self, tree: &Tree, staging: &Staging, both: bool) -> Result<(), Fault> {
        let synced = rustix::fs::syncfs(staging.root());
        synced.map_err(|e| system(&e.into(), "sync", &self.state))?;
        if both {
            let synced = rustix::fs::syncfs(tree.root());
            synced.map_err(|e| system(&e.into(), "sync", &self.options.out))?;
        }
        Ok(())
    }
}
