//! The keys of a phone and its expansion modules, laid out from the manifest's banks.
//!
//! Positions are what an inventory counts in: the phone's own keys bank after bank as the manifest lists
//! them, and on each module from 1 again. Templates get every slot, set or not, so that removed keys are
//! cleared; this is why the lay-out is data of the model and not of the device.

use super::manifest::{Bank, Model, ModuleModel, Place};

/// One programmable key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Counted from 1 over the phone's own keys, or over the keys of one module.
    pub position: u32,
    /// What the vendor calls the bank.
    pub kind: String,
    /// Counted from 1 in its bank (on its module); what `{n}` shows in the name may begin elsewhere.
    pub n: u32,
    /// The module it is on, from 1; `None` for the phone's own keys.
    pub module: Option<u32>,
    /// The page it is shown on, from 1.
    pub page: u32,
    /// Counted from 1 on its page.
    pub n_on_page: u32,
    /// Whether it is the last of its page.
    pub last_on_page: bool,
    /// The vendor's name of the key, where the bank has a pattern.
    pub name: Option<String>,
    /// The line that the phone shows on this key when nothing else is put on it, from 1.
    pub line: Option<u32>,
    /// The bank in [`Model::banks`].
    pub bank: usize,
}

/// Lays out all keys: the phone's own, then those of each module. `modules` are the modules that the
/// inventory names, in the order in which they are attached; with none named, as many of the largest kind
/// are laid out as the model takes.
pub fn key_slots(model: &Model, modules: &[&ModuleModel]) -> Vec<Slot> {
    let banks = || model.banks.iter().enumerate();
    let mut slots = Vec::new();
    let mut line = 0;
    for (index, bank) in banks().filter(|(_, bank)| bank.modules.is_none()) {
        for mut slot in bank_slots(index, bank, bank.count, None) {
            if bank.lines && line < model.lines {
                line += 1;
                slot.line = Some(line);
            }
            push(&mut slots, slot, 0);
        }
    }
    let attached = if modules.is_empty() { model.modules } else { number(modules.len()) };
    for m in 1..=attached {
        let start = slots.len();
        let named = modules.get(m as usize - 1);
        // A module's keys fill its banks in order.
        let mut left = named.map_or(u32::MAX, |module| module.keys);
        for (index, bank) in banks().filter(|(_, bank)| bank.modules.is_some_and(|most| m <= most)) {
            let count = bank.count.min(left);
            left -= count;
            for slot in bank_slots(index, bank, count, Some(m)) {
                push(&mut slots, slot, start);
            }
        }
    }
    slots
}

/// Puts a slot at the next position of the phone or module whose slots begin at `start`.
fn push(slots: &mut Vec<Slot>, mut slot: Slot, start: usize) {
    slot.position = number(slots.len() - start) + 1;
    slots.push(slot);
}

/// The keys of one bank; positions and lines are filled in by the caller.
fn bank_slots(index: usize, bank: &Bank, count: u32, module: Option<u32>) -> impl Iterator<Item = Slot> {
    let per_page = bank.per_page.unwrap_or(count).max(1);
    (0..count).map(move |at| {
        let (page, n_on_page) = (at / per_page + 1, at % per_page + 1);
        let number = |place| match place {
            Place::N => at + bank.first,
            Place::NFromZero => at,
            Place::M => module.unwrap_or(0),
            Place::MFromZero => module.unwrap_or(0).saturating_sub(1),
            Place::Page => page,
            Place::OnPage => n_on_page,
        };
        Slot {
            position: 0,
            kind: bank.kind.clone(),
            n: at + 1,
            module,
            page,
            n_on_page,
            last_on_page: n_on_page == per_page || at + 1 == count,
            name: bank.name.as_ref().map(|pattern| pattern.fill(number)),
            line: None,
            bank: index,
        }
    })
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::testing::acme;

    fn with_model(model: &str, test: impl Fn(&Model)) {
        let loaded = acme(&format!("models: {{A1: {model}}}"));
        assert_eq!(loaded.said(), Vec::<String>::new());
        test(&loaded.set.iter().next().unwrap().manifest.models[0]);
    }

    /// Slots as `position kind n/module page.n_on_page name line`, `!` for the last of a page.
    fn drawn(slots: &[Slot]) -> Vec<String> {
        let draw = |s: &Slot| {
            let module = s.module.map(|m| format!("/{m}")).unwrap_or_default();
            let last = if s.last_on_page { "!" } else { "" };
            let name = s.name.as_deref().unwrap_or("-");
            let line = s.line.map(|n| format!(" line {n}")).unwrap_or_default();
            format!("{} {} {}{module} {}.{}{last} {name}{line}", s.position, s.kind, s.n, s.page, s.n_on_page)
        };
        slots.iter().map(draw).collect()
    }

    #[test]
    fn plain_counts_make_one_bank() {
        with_model("{function_keys: 2}", |model| {
            assert_eq!(drawn(&key_slots(model, &[])), ["1 key 1 1.1 -", "2 key 2 1.2! -"]);
        });
        with_model("{function_keys: 0, expansion_modules: 0}", |model| {
            assert!(key_slots(model, &[]).is_empty());
        });
        with_model("{expansion_modules: 3}", |model| {
            assert_eq!((model.modules, key_slots(model, &[]).len()), (3, 0));
        });
    }

    #[test]
    fn positions_run_over_the_banks_and_lines_are_counted() {
        let model = "{lines: 2, key_slots: [{kind: linekey, count: 3, per_page: 2, lines: true, name: 'l{n}'}, \
                     {kind: soft, count: 2, first: 5, name: '{n}-{n0}-{page}'}]}";
        with_model(model, |model| {
            assert_eq!(
                drawn(&key_slots(model, &[])),
                [
                    "1 linekey 1 1.1 l1 line 1",
                    "2 linekey 2 1.2! l2 line 2",
                    "3 linekey 3 2.1! l3",
                    "4 soft 1 1.1 5-0-1",
                    "5 soft 2 1.2! 6-1-1",
                ]
            );
        });
    }

    #[test]
    fn modules_are_laid_out_as_named_or_else_the_largest() {
        let model = "{function_keys: 1, modules: 2, expansion_modules: {M1: 1, M2: 2}}";
        with_model(model, |model| {
            assert_eq!(
                drawn(&key_slots(model, &[])),
                [
                    "1 key 1 1.1! -",
                    "1 module 1/1 1.1 -",
                    "2 module 2/1 1.2! -",
                    "1 module 1/2 1.1 -",
                    "2 module 2/2 1.2! -"
                ]
            );
            let named: Vec<&ModuleModel> =
                ["m-1", "M2"].iter().map(|name| model.module(name).unwrap()).collect();
            assert_eq!(
                drawn(&key_slots(model, &named)),
                ["1 key 1 1.1! -", "1 module 1/1 1.1! -", "1 module 1/2 1.1 -", "2 module 2/2 1.2! -"]
            );
            assert!(model.module("M3").is_none());
        });
    }

    #[test]
    fn a_module_may_have_several_banks() {
        let model = "{expansion_modules: {M: 3}, key_slots: [{kind: a, modules: 1, count: 2, name: 'm{m} {n}'}, \
                     {kind: module, count: 2, name: '{m0}:{n}'}]}";
        with_model(model, |model| {
            let named = [model.module("M").unwrap()];
            assert_eq!(
                drawn(&key_slots(model, &named)),
                ["1 a 1/1 1.1 m1 1", "2 a 2/1 1.2! m1 2", "3 module 1/1 1.1! 0:1"]
            );
            assert_eq!(key_slots(model, &[]).len(), 4);
        });
    }
}
