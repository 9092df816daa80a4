//! The end of a build: plan, check, apply, and tell what was done.

use std::collections::BTreeSet;

use super::apply::apply;
use super::checks::check;
use super::plan::Plan;
use super::settle::{Settled, settle};
use super::staging::Staged;
use super::state::Transaction;
use super::{Fault, OutPath, Owner, Scope, accounts, codes, part};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// What a build did, or would do in a dry run.
#[derive(Default, Debug)]
pub struct Report {
    /// Files that were new or had other bytes, sorted.
    pub written: Vec<OutPath>,
    /// How many planned files already had the right bytes.
    pub unchanged: usize,
    /// Files that were removed, sorted.
    pub removed: Vec<OutPath>,
    /// Files that provc did not write and that are its own from now on, sorted; those that differed are
    /// also in `written`, the others in `unchanged`.
    pub adopted: Vec<OutPath>,
    /// How many unchanged files only got their mode or group back.
    pub access_fixed: usize,
    /// Owners of written and of removed files.
    pub changed_owners: BTreeSet<Owner>,
    /// Who can read sensitive files, if there are some and no group was chosen.
    pub readers: Option<String>,
    /// What a person should look at; the build went on.
    pub warnings: Diagnostics,
}

/// See [`Transaction::commit`].
pub(super) fn commit(
    transaction: &mut Transaction,
    staged: Vec<Staged>,
    scope: &Scope,
) -> Result<Report, Diagnostics> {
    let mut problems = transaction.warnings.clone();
    if !matches!(scope, Scope::All(_)) && !transaction.trusted {
        problems.push(needs_all());
        return Err(problems);
    }
    let (report, settled) = place(transaction, staged, scope, problems)?;
    if let Some(settled) = settled
        && let Err(fault) = settle(transaction, settled)
    {
        let mut problems = report.warnings;
        problems.push(*fault);
        return Err(problems);
    }
    Ok(report)
}

fn place(
    transaction: &Transaction,
    staged: Vec<Staged>,
    scope: &Scope,
    mut problems: Diagnostics,
) -> Result<(Report, Option<Settled>), Diagnostics> {
    let plan = Plan::new(staged, &transaction.manifest, scope, transaction.trusted, &mut problems);
    let checked = check(transaction, &plan, &mut problems);
    // What will be asked of these once they are made has to be known before.
    checked.missing.iter().for_each(|directory| _ = transaction.manifest.made(directory));
    if transaction.manifest.is_damaged() {
        problems.push(needs_all());
    }
    if problems.has_errors() {
        return Err(problems);
    }
    if let Err(fault) = forget_parts(transaction, scope) {
        problems.push(*fault);
        return Err(problems);
    }
    let settled = match (&transaction.tree, &transaction.staging) {
        (Some(tree), Some(staging)) => match apply(transaction, tree, staging, &plan, &checked) {
            Ok(settled) => Some(settled),
            Err(fault) => {
                problems.push(*fault);
                return Err(problems);
            }
        },
        _ => None,
    };
    let written: Vec<OutPath> =
        plan.files.iter().filter(|file| file.standing_differs()).map(|file| file.path.clone()).collect();
    let removed = checked.remove.iter().map(|(record, _)| *record);
    let report = Report {
        unchanged: plan.files.len() - written.len(),
        written,
        // A record's path was checked when the table was read.
        removed: removed.clone().filter_map(|record| OutPath::new(record.path).ok()).collect(),
        adopted: checked.adopted.iter().map(|path| (*path).clone()).collect(),
        access_fixed: plan.files.iter().filter(|file| file.access_is_wrong()).count(),
        changed_owners: plan
            .changed
            .iter()
            .cloned()
            .chain(removed.map(|record| record.owner.to_owner()))
            .collect(),
        readers: readers(transaction, &plan),
        warnings: problems,
    };
    Ok((report, settled))
}

/// What shards left to be merged holds no longer once another build changes out/.
fn forget_parts(transaction: &Transaction, scope: &Scope) -> Result<(), Fault> {
    let stays = transaction.options.dry_run || transaction.merges || matches!(scope, Scope::Shard { .. });
    if stays || transaction.staging.is_none() { Ok(()) } else { part::forget(&transaction.state, |_| true) }
}

pub(super) fn needs_all() -> Diagnostic {
    let message = "what earlier builds wrote is not known, so a part of out/ cannot be built alone";
    Diagnostic::error(codes::DAMAGED_STATE, message).help("build everything")
}

fn readers(transaction: &Transaction, plan: &Plan<'_>) -> Option<String> {
    if transaction.group.is_some() || !plan.files.iter().any(|file| file.sensitive) {
        return None;
    }
    let (user, group) = match &transaction.staging {
        Some(staging) => staging.new_file(),
        None => (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
    };
    let (user, group) = (accounts::user_name(user), accounts::group_name(group));
    Some(format!(
        "sensitive files can be read by the user {user} and the group {group} only; set `group` in provc.yaml to that of the server"
    ))
}
