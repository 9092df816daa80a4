//! What may be written in an inventory, as data: the one place that names its fields.
//!
//! Reading, "did you mean", merging, `show`, the context of templates and the check of the names that
//! templates use all walk this table; a new setting is one line here.

use std::sync::OnceLock;

/// The type of a value.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One line of text, or a secret to be fetched.
    Text,
    /// The same, never shown.
    Password,
    /// One line of text that is a name inside the inventory: never fetched, never empty.
    Name,
    /// Text of any number of lines that reaches no phone.
    Note,
    /// true or false.
    Bool,
    /// A whole number within bounds.
    Int(i64, i64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// HOST or HOST:PORT.
    Endpoint,
    /// HOST.
    Host,
    /// An address, version 4 or 6.
    Ip,
    /// A dotted netmask of version 4.
    Netmask,
    /// `http://` or `https://` and a host.
    HttpUrl,
    /// A URL of any scheme.
    Url,
    /// language_COUNTRY.
    Locale,
    /// An IANA time zone.
    Timezone,
    /// Two capitals (ISO 3166-1 alpha-2).
    Country,
    /// dd, mm, yy or yyyy in some order, joined by one sign.
    DateFormat,
    /// Digits only.
    Digits,
    /// A file of PEM text, relative to the inventory directory, or a secret that holds such text.
    Pem,
    /// A list.
    List(&'static Kind),
    /// One value or a list; a list after reading.
    OneOrList(&'static Kind),
    /// A mapping with the fields of a group.
    Group(&'static Group),
    /// A mapping from names that the user chooses.
    MapOf(&'static Kind),
    /// A mapping from positions, counted from 1.
    Positions(&'static Kind),
    /// A mapping from positions to keys, perhaps with `auto`.
    FunctionKeys,
    /// The same, or a list of keys that takes the free positions.
    KeyLayout,
    /// A list of lines, or a mapping from positions to lines; each a name or written in place.
    DeviceLines,
    /// Anything: plain JSON numbers and true/false are typed, all else is text, secrets are fetched.
    Free,
}

/// A mapping with known fields.
#[derive(Debug)]
pub struct Group {
    /// What a person calls it.
    pub what: &'static str,
    /// Its fields, in several tables so that groups can share some.
    pub fields: &'static [&'static [Field]],
    sorted: OnceLock<Vec<&'static Field>>,
}

/// A field of a group.
#[derive(Debug)]
pub struct Field {
    /// Its name in YAML and in templates.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
}

impl Group {
    /// All fields.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.fields.iter().copied().flatten()
    }

    /// All fields by name: the order in which templates see them.
    pub fn sorted(&self) -> &[&'static Field] {
        self.sorted.get_or_init(|| {
            let mut fields: Vec<_> = self.fields().collect();
            fields.sort_by_key(|field| field.name);
            fields
        })
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields().find(|field| field.name == name)
    }
}

const fn f(name: &'static str, kind: Kind) -> Field {
    Field { name, kind }
}

const fn group(what: &'static str, fields: &'static [&'static [Field]]) -> Group {
    Group { what, fields, sorted: OnceLock::new() }
}

use Kind::{
    Bool, Choice, Country, DateFormat, DeviceLines, Digits, Endpoint, Free, FunctionKeys, Host, HttpUrl, Int,
    Ip, KeyLayout, List, Locale, MapOf, Name, Netmask, Note, OneOrList, Password, Pem, Positions, Text,
    Timezone, Url,
};

/// `site:`
pub static SITE: Group = group("site", &[&[f("name", Name)], SERVER_FIELDS]);
const SERVER_FIELDS: &[Field] = &[f("http_url", HttpUrl), f("tftp_host", Host)];
static SERVER: Group = group("server", &[SERVER_FIELDS]);

/// `sip:`
pub static SIP: Group = group(
    "sip",
    &[&[
        f("proxy", Endpoint),
        f("backup_proxy", Endpoint),
        f("registrar", Endpoint),
        f("backup_registrar", Endpoint),
        f("outbound_proxy", Endpoint),
        f("transport", Choice(&["udp", "tcp", "tls"])),
        f("dtmf_mode", Choice(&["inband", "rtp", "info"])),
        f("srtp", Choice(&["disabled", "preferred", "required"])),
        f("subscribe_mwi", Bool),
        f("domain", Text),
        f("realm", Text),
        f("codecs", OneOrList(&Name)),
        f("register_expires", Int(1, 4_294_967_295)),
        f("register", Bool),
        f("keepalive", Int(0, 86_400)),
        f("stun", Endpoint),
    ]],
);

/// `sccp:`
pub static SCCP: Group = group("sccp", &[&[f("call_managers", OneOrList(&Endpoint))]]);

static ADDRESS: Group = group("address", &[&[f("ip", Ip), f("netmask", Netmask), f("gateway", Ip)]]);
static WIFI: Group = group("wifi", &[&[f("ssid", Text), f("psk", Password)]]);
static DOT1X: Group = group(
    "dot1x",
    &[&[
        f("mode", Choice(&["md5", "tls", "peap", "ttls", "fast"])),
        f("identity", Text),
        f("password", Password),
    ]],
);
static VLAN: Group =
    group("vlan", &[&[f("id", Int(1, 4094)), f("priority", Int(0, 7)), f("pc_port_id", Int(1, 4094))]]);
static SYSLOG: Group = group(
    "syslog",
    &[&[f("server", Endpoint), f("level", Choice(&["critical", "error", "warning", "info", "debug"]))]],
);
static NETWORK: Group = group(
    "network",
    &[&[
        f("dns", OneOrList(&Ip)),
        f("ntp", OneOrList(&Host)),
        f("lldp", Bool),
        f("address", Kind::Group(&ADDRESS)),
        f("wifi", Kind::Group(&WIFI)),
        f("dot1x", Kind::Group(&DOT1X)),
        f("vlan", Kind::Group(&VLAN)),
        f("syslog", Kind::Group(&SYSLOG)),
    ]],
);
static TLS: Group =
    group("tls", &[&[f("trusted_certificates", OneOrList(&Pem)), f("certificate", Pem), f("key", Pem)]]);
static HTTP: Group = group("http", &[&[f("username", Text), f("password", Password)]]);
static CLOCK: Group =
    group("clock", &[&[f("time_format", Choice(&["24h", "12h"])), f("date_format", DateFormat)]]);
static ADMIN: Group = group("admin", &[&[f("username", Text), f("password", Password), f("pin", Digits)]]);
static USER: Group = group("user", &[&[f("username", Text), f("password", Password)]]);
static FEATURE_CODES: Group = group(
    "feature_codes",
    &[&[
        f("voicemail", Text),
        f("pickup", Text),
        f("group_pickup", Text),
        f("park", Text),
        f("dnd", Text),
        f("dnd_off", Text),
        f("forward_unconditional", Text),
        f("forward_unconditional_off", Text),
        f("forward_no_answer", Text),
        f("forward_no_answer_off", Text),
        f("forward_busy", Text),
        f("forward_busy_off", Text),
        f("forward_disable_all", Text),
        f("intercom", Text),
        f("record", Text),
    ]],
);
static REMOTE_PHONEBOOK: Group = group("remote_phonebook", &[&[f("url", Url), f("name", Text)]]);

/// The types that a function key can have.
pub const KEY_TYPES: &[&str] = &[
    "line",
    "speeddial",
    "blf",
    "park",
    "intercom",
    "pickup",
    "group_pickup",
    "voicemail",
    "dnd",
    "forward",
    "transfer",
    "hold",
    "conference",
    "record",
    "directory",
    "dtmf",
    "url",
    "none",
];

/// One function key. `type` is asked for after merging, because a layer may set another field alone.
pub static FUNCTION_KEY: Group = group(
    "function key",
    &[&[
        f("type", Choice(KEY_TYPES)),
        f("value", Text),
        f("label", Text),
        f("line", Int(1, 9999)),
        f("target", Name),
    ]],
);

/// `auto:` inside `function_keys`.
pub static AUTO: Group = group(
    "auto",
    &[&[
        f("from", OneOrList(&Name)),
        f("sort", Choice(&["given", "label", "number"])),
        f("exclude_self", Bool),
        f("start", Int(1, 9999)),
        f("overflow", Choice(&["error", "drop"])),
    ]],
);

/// One entry of `expansion_modules`.
pub static EXPANSION_MODULE: Group =
    group("expansion module", &[&[f("model", Name), f("keys", Positions(&Kind::Group(&FUNCTION_KEY)))]]);

static EXPANSION_MODULE_KIND: Kind = Kind::Group(&EXPANSION_MODULE);

/// One line.
pub static LINE: Group = group(
    "line",
    &[&[
        f("number", Text),
        f("username", Text),
        f("auth_username", Text),
        f("password", Password),
        f("display_name", Text),
        f("label", Text),
        f("voicemail", Text),
        f("sip", Kind::Group(&SIP)),
        f("vars", MapOf(&Free)),
    ]],
);

/// One contact of a list.
pub static CONTACT: Group = group(
    "contact",
    &[&[
        f("name", Text),
        f("first_name", Text),
        f("last_name", Text),
        f("organization", Text),
        f("email", Text),
        f("number", Text),
        f("numbers", Kind::Group(&NUMBERS)),
    ]],
);

/// A contact list.
pub static CONTACT_LIST: Kind = List(&CONTACT_KIND);
static CONTACT_KIND: Kind = Kind::Group(&CONTACT);

/// The kinds of number that a contact has.
pub static NUMBERS: Group = group(
    "numbers",
    &[&[f("work", Text), f("mobile", Text), f("home", Text), f("fax", Text), f("other", Text)]],
);

/// One DECT handset.
pub static HANDSET: Group = group(
    "handset",
    &[&[f("ipui", Name), f("name", Text), f("lines", OneOrList(&Int(1, 9999))), f("vars", MapOf(&Free))]],
);

/// One port of an ATA or gateway.
pub static PORT: Group = group(
    "port",
    &[&[
        f("line", Int(1, 9999)),
        f("fax", Choice(&["t38", "passthrough", "disabled"])),
        f("vars", MapOf(&Free)),
    ]],
);

/// Settings that any layer may hold and that templates see under the same name.
pub const SETTINGS: &[Field] = &[
    f("locale", Locale),
    f("timezone", Timezone),
    f("sip", Kind::Group(&SIP)),
    f("sccp", Kind::Group(&SCCP)),
    f("network", Kind::Group(&NETWORK)),
    f("tls", Kind::Group(&TLS)),
    f("http", Kind::Group(&HTTP)),
    f("tones", Country),
    f("clock", Kind::Group(&CLOCK)),
    f("admin", Kind::Group(&ADMIN)),
    f("user", Kind::Group(&USER)),
    f("feature_codes", Kind::Group(&FEATURE_CODES)),
    f("remote_phonebook", Kind::Group(&REMOTE_PHONEBOOK)),
    f("vars", MapOf(&Free)),
];

/// Settings of any layer that provc itself works on before a template sees anything of them.
const WORKED: &[Field] = &[
    f("contacts", OneOrList(&Name)),
    f("extra", MapOf(&MapOf(&Free))),
    f("upgrade_to", Name),
    f("server", Kind::Group(&SERVER)),
    f("function_keys", FunctionKeys),
    f("vendor", Name),
    f("model", Name),
    f("firmware", Name),
    f("plugin", Name),
    f("protocol", Choice(&["sip", "sccp"])),
    f("key_layout", Name),
    f("expansion_modules", List(&EXPANSION_MODULE_KIND)),
];

/// One profile.
pub static PROFILE: Group = group("profile", &[SETTINGS, WORKED, &[f("extends", OneOrList(&Name))]]);

/// One device.
pub static DEVICE: Group = group(
    "device",
    &[
        &[
            f("mac", Name),
            f("id", Name),
            f("name", Name),
            f("ip", Ip),
            f("tags", OneOrList(&Name)),
            f("note", Note),
            f("profiles", OneOrList(&Name)),
            f("lines", DeviceLines),
            f("handsets", List(&Kind::Group(&HANDSET))),
            f("ports", Positions(&Kind::Group(&PORT))),
        ],
        SETTINGS,
        WORKED,
    ],
);

/// A file of the inventory: its sections. `x-*` keys are passed over before this table is asked.
pub static FILE: Group = group(
    "an inventory file",
    &[&[
        f("site", Kind::Group(&SITE)),
        f("profiles", MapOf(&Kind::Group(&PROFILE))),
        f("lines", MapOf(&Kind::Group(&LINE))),
        f("function_keys", MapOf(&KeyLayout)),
        f("contacts", MapOf(&CONTACT_LIST)),
        f("devices", List(&Kind::Group(&DEVICE))),
    ]],
);

/// Whether the value of a field is never shown: passwords, pre-shared keys and PINs.
pub fn is_secret(field: &str) -> bool {
    SECRETS.contains(&field)
}

/// The fields of [`Kind::Password`] and [`Kind::Digits`], which a test keeps complete.
const SECRETS: [&str; 3] = ["password", "pin", "psk"];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn walk(kind: Kind, secret: &mut BTreeSet<&'static str>) {
        match kind {
            Kind::Group(group) => {
                for field in group.fields() {
                    if matches!(field.kind, Password | Digits) {
                        secret.insert(field.name);
                    }
                    walk(field.kind, secret);
                }
            }
            List(kind) | OneOrList(kind) | MapOf(kind) | Positions(kind) => {
                walk(*kind, secret);
            }
            _ => {}
        }
    }

    #[test]
    fn every_secret_field_is_known() {
        let mut secret = BTreeSet::new();
        walk(Kind::Group(&FILE), &mut secret);
        assert_eq!(secret.into_iter().collect::<Vec<_>>(), SECRETS);
    }
}
