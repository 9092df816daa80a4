//! `firmware_target`: what the phone is told to load.

use tera::Value;

use super::convert::{field, map, text};
use crate::inventory::Map;
use crate::plugin::manifest::FirmwarePackage;
use crate::plugin::{Plugin, Version};

/// {version, url} from `upgrade_to`; null without it. `url` is the directory below the site in which the
/// plugin's firmware package of that version puts its files; null where no package of it is described.
pub(super) fn target(settings: &Map, plugin: &Plugin, site: &Value) -> Value {
    let Some(version) = settings.text("upgrade_to") else { return Value::none() };
    let http_url = field(site, "http_url");
    let wanted = Version::parse(version);
    let mut packages = plugin.manifest.firmware_packages.iter();
    let package = packages.find(|package| Version::parse(&package.version) == wanted);
    let directory = package.and_then(FirmwarePackage::directory);
    let url = match (http_url, directory) {
        (Some(url), Some(directory)) => Some(format!("{url}/{directory}")),
        _ => None,
    };
    // As the package spells it: templates look builds up by that.
    let version = package.map_or(&**version, |package| &package.version);
    map([("url", text(url.as_deref())), ("version", Value::from(version))])
}
