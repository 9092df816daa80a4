//! Digium: `<setting id="time_zone" value="Europe/Paris" />`. The phones take IANA names and keep rules of
//! their own, older than the newest names.

use super::{Case, Clock};
use crate::xml::Element;

/// All versions.
pub const CASES: &[Case] =
    &[case("digium-1.4.0.0", "D40"), case("digium-2.2.1.8", "D45"), case("digium-2.8.1", "D65")];

const fn case(plugin: &'static str, model: &'static str) -> Case {
    Case { plugin, model, file: "Digium/{mac}.cfg", refused: 0, read }
}

fn read(text: &str) -> Result<Clock, String> {
    let config = Element::parse(text);
    let zone = config.rows("setting", ["id", "value"]).into_iter().find(|[id, _]| *id == "time_zone");
    zone.map(|[_, name]| Clock::Name(name.to_owned())).ok_or_else(|| "no time_zone".to_owned())
}

#[test]
fn zones() {
    super::every_zone(CASES);
}
