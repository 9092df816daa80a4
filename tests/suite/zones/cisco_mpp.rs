//! Cisco multiplatform phones: the clock of the SPA phones before them, by their administration guides.

use super::Case;
use super::cisco_spa::flat_profile;

/// All versions.
pub const CASES: &[Case] = &[case("cisco_mpp-11.3.1", "6821"), case("cisco_mpp-12.0.7", "8861")];

const fn case(plugin: &'static str, model: &'static str) -> Case {
    Case { plugin, model, file: "{mac}.xml", refused: 0, read: flat_profile }
}

#[test]
fn zones() {
    super::every_zone(CASES);
}
