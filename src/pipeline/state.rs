//! What a build leaves for the next one: its inputs, and what names the manifest that came of them.
//!
//! The file `state` alone answers whether anything changed; [`super::index`] says whom a change reaches.
//! Both only spare work. Where one is missing, damaged, of another version or of another manifest than the
//! one in the state directory, everything is built and compared.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use super::Site;
use super::index::Sort;
use super::inputs::{Digest, Input, Stat, sha1};
use super::keyed::{Key, SecretInput};
use crate::inventory::Identity;
use crate::output::Options;

/// The name of the file.
pub(super) const STATE: &str = "state";

/// One build's inputs, and what came of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State {
    /// Program and settings: see [`circumstances`].
    pub circumstances: Digest,
    /// What names the manifest of that build.
    pub manifest: Digest,
    /// The checksum of the index that goes with it.
    pub index: u128,
    /// The directory that was built into.
    pub out: Option<Stat>,
    /// How many devices there are.
    pub devices: usize,
    /// How many files belong to provc.
    pub owned: usize,
    /// How many devices have warnings.
    pub warned: usize,
    /// The files of the inventory, sorted by path.
    pub files: Vec<InventoryFile>,
    /// The number that the next new file gets.
    pub next_number: u32,
    /// All files of plugins directories and overrides, sorted by path.
    pub plugin_files: Vec<Input>,
    /// The files of static/.
    pub statics: Vec<Input>,
    /// The key of the digests of secrets.
    pub key: Key,
    /// The secrets that were fetched.
    pub secrets: Vec<SecretInput>,
    /// The plugins in use.
    pub plugins: Vec<PluginInput>,
    /// What is known of all plugins; nothing if there was anything to say about them.
    pub known: Option<Known>,
}

/// What is known of all plugins: enough to do without loading them for a phone of a kind that there was before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    /// The names of all families, sorted.
    pub families: Vec<String>,
    /// Plugin and model of each kind of phone that there was: vendor, model, firmware, plugin and protocol as
    /// the inventory says.
    pub kinds: BTreeMap<[Option<String>; 5], Sort>,
}

impl Known {
    /// Plugin and model of a kind.
    pub fn sort(&self, kind: &Identity) -> Option<&Sort> {
        self.kinds.get(&texts(kind))
    }
}

/// What a phone says it is.
pub(super) fn texts(kind: &Identity) -> [Option<String>; 5] {
    [&kind.vendor, &kind.model, &kind.firmware, &kind.plugin, &kind.protocol]
        .map(|text| text.as_ref().map(ToString::to_string))
}

/// A file of the inventory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct InventoryFile {
    /// What the index calls it.
    pub number: u32,
    /// The inventory directory in which it was found.
    pub root: PathBuf,
    /// The file.
    pub input: Input,
}

/// A plugin in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PluginInput {
    /// Its id.
    pub id: String,
    /// Its models that devices use, sorted.
    pub models: Vec<String>,
    /// The directories on disk that its files may come from.
    pub layers: Vec<PathBuf>,
    /// Its family, and the directories of it that it is made of, wherever they come from.
    pub units: (String, Vec<String>),
}

/// Everything besides files that a build's result depends on: the program, the site's settings, and where
/// and for whom is written.
pub(super) fn circumstances(site: &Site, options: &Options) -> Digest {
    let program = std::env::current_exe().ok();
    let program = program.map(|path| (Stat::of(&path).map(Stat::of_program), path));
    let out = (&options.out, &options.state, &options.group);
    sha1(format!("{program:?} {} {site:?} {out:?}", env!("CARGO_PKG_VERSION")).as_bytes())
}

/// What identifies a directory, however its content changes.
pub(super) fn directory(path: &Path) -> Option<Stat> {
    Stat::of(path).map(Stat::identity)
}

impl State {
    /// Reads what [`State::encode`] wrote; nothing if it is anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, _) = open(MAGIC, bytes)?;
        postcard::from_bytes(body).ok()
    }

    /// The bytes of the file. Nothing if a path is not UTF-8: then every build is a whole one.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let body = postcard::to_stdvec(self).ok()?;
        Some(seal(MAGIC, body).0)
    }
}

/// The magic number ends in the version of the format.
const MAGIC: &[u8; 8] = b"provcST2";
const CHECKSUM: usize = size_of::<u128>();

/// A file of the state directory: magic number, body, checksum of both. Also gives the checksum.
pub(super) fn seal(magic: &[u8; 8], body: Vec<u8>) -> (Vec<u8>, u128) {
    let mut bytes = Vec::with_capacity(magic.len() + body.len() + CHECKSUM);
    bytes.extend_from_slice(magic);
    bytes.extend_from_slice(&body);
    let checksum = XxHash3_128::oneshot(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    (bytes, checksum)
}

/// The body and the checksum of such a file; nothing if it is not whole.
pub(super) fn open<'b>(magic: &[u8; 8], bytes: &'b [u8]) -> Option<(&'b [u8], u128)> {
    let (sealed, checksum) = bytes.split_last_chunk::<CHECKSUM>()?;
    let checksum = u128::from_le_bytes(*checksum);
    let body = sealed.strip_prefix(magic)?;
    (XxHash3_128::oneshot(sealed) == checksum).then_some((body, checksum))
}
