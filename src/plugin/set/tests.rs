use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::plugin::associate::Query;
use crate::plugin::source::Content;
use crate::plugin::testing::{Loaded, acme, load, manifest, said, tree};

fn json(value: &tera::Value) -> String {
    serde_json::to_string(value).unwrap()
}

#[test]
fn versions_lie_over_common_and_over_the_layers_they_name() {
    let common = "vendor: Acme\ndescription: common\nfunction_keys: [blf]\n\
                  tables: {language: {fr: 1, en: 2}}\nmodels: {A1: {lines: 1}, A2: {lines: 2}}\n";
    let dect = "tables: {language: {en: 3}}\nvars: {dect: true}\n";
    let one = "id: acme-1\nversion: 1.0.0\nfirmware: '1'\nmodels: {A1: {lines: 4}, A2: null}\n";
    let two = "id: acme-2\nversion: 1.0.0\nfirmware: '2'\nlayers: [common, common_dect]\n";
    let loaded = load(&[
        ("acme/common/plugin.yaml", common),
        ("acme/common_dect/plugin.yaml", dect),
        ("acme/v1/plugin.yaml", one),
        ("acme/v2/plugin.yaml", two),
    ]);
    assert_eq!(loaded.said(), Vec::<String>::new());
    let [one, two] = loaded.set.plugins.as_slice() else { panic!("two plugins") };
    assert_eq!(json(&one.manifest.tables), r#"{"language":{"en":2,"fr":1}}"#);
    assert_eq!(one.model("a-1").unwrap().lines, 4);
    assert!(one.model("A2").is_none());
    assert_eq!(json(&two.manifest.tables), r#"{"language":{"en":3,"fr":1}}"#);
    assert_eq!(json(&two.manifest.vars), r#"{"dect":true}"#);
    let names: Vec<_> = two.layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["v2", "common_dect", "common"]);
}

#[test]
fn a_mistake_in_common_is_shown_there_and_once() {
    let loaded = load(&[
        ("acme/common/plugin.yaml", "models: {A1: {lnes: 1}}\nassociate: {aliases: {model: {B: A3}}}\n"),
        ("acme/v1_0/plugin.yaml", &manifest("1.0", "")),
        ("acme/v2_0/plugin.yaml", &manifest("2.0", "")),
    ]);
    assert_eq!(
        loaded.said(),
        [
            "PV0121 acme/common/plugin.yaml:1:15+4 unknown key `lnes` in model `A1`; did you mean `lines`?",
            "PV0414 acme/common/plugin.yaml:2:34+2 there is no model `A3` under `models`; did you mean `A1`?",
        ]
    );
}

#[test]
fn an_alias_may_name_a_model_of_another_version() {
    let loaded = load(&[
        ("acme/common/plugin.yaml", "associate: {aliases: {model: {B: A3}}}\nmodels: {A1: {}}\n"),
        ("acme/v1_0/plugin.yaml", &manifest("1.0", "")),
        ("acme/v2_0/plugin.yaml", &manifest("2.0", "models: {A3: {}}\n")),
    ]);
    assert_eq!(loaded.said(), Vec::<String>::new());
    assert!(loaded.set.get("acme-1.0").unwrap().model("b").is_none());
    assert_eq!(loaded.set.get("acme-2.0").unwrap().model("b").unwrap().name, "A3");
}

#[test]
fn layers_have_to_exist() {
    let loaded = load(&[
        ("acme/common_dect/plugin.yaml", "vars: {a: 1}"),
        ("acme/v1_0/plugin.yaml", &manifest("1.0", "layers: [comon_dect, v2_0]\n")),
        ("acme/v2_0/plugin.yaml", &manifest("2.0", "layers: null\n")),
    ]);
    assert_eq!(
        loaded.said(),
        [
            "PV0406 acme/v1_0/plugin.yaml:7:10+10 family `acme` has no layer `comon_dect`; did you mean `common_dect`?",
            "PV0406 acme/v1_0/plugin.yaml:7:22+4 family `acme` has no layer `v2_0`",
        ]
    );
}

#[test]
fn later_trees_replace_whole_layers_and_versions() {
    let first = tree(&[
        ("acme/common/plugin.yaml", "vars: {from: first, first: 1}"),
        ("acme/common/files/logo.png", "1"),
        ("acme/v1_0/plugin.yaml", &manifest("1.0", "static: files\n")),
        ("acme/v2_0/plugin.yaml", &manifest("2.0", "static: files\n")),
    ]);
    let second = tree(&[
        ("acme/common/plugin.yaml", "vars: {from: second}"),
        ("acme/v2_0/plugin.yaml", &manifest("2.0", "static: files\nvars: {mine: 2}\n")),
    ]);
    let loaded = Loaded::new(vec![first, second], None);
    assert_eq!(loaded.said(), Vec::<String>::new());
    let vars = |id: &str| json(&loaded.set.get(id).unwrap().manifest.vars);
    assert_eq!(
        (vars("acme-1.0"), vars("acme-2.0")),
        (r#"{"from":"second"}"#.into(), r#"{"from":"second","mine":2}"#.into())
    );
    let mut out = Diagnostics::default();
    assert!(loaded.set.get("acme-1.0").unwrap().static_files(&mut out).is_empty());
}

#[test]
fn overrides_lie_over_a_family_and_over_one_plugin() {
    let plugins = tree(&[
        ("acme/v1_0/plugin.yaml", &manifest("1.0", "static: files\nmodels: {A1: {lines: 1}}\n")),
        ("acme/v1_0/files/a.txt", "plugin"),
        ("acme/v1_0/files/sub/b.txt", "plugin"),
        ("acme/v2_0/plugin.yaml", &manifest("2.0", "models: {A1: {lines: 1}}\n")),
    ]);
    let site = tree(&[
        ("acme/plugin.yaml", "models: {A1: {lines: 2}, A9: {lines: 9}}\nvars: {who: family}\n"),
        ("acme/files/a.txt", "site"),
        ("acme-2.0/plugin.yaml", "vars: {who: id}\n"),
    ]);
    let loaded = Loaded::new(vec![plugins], Some(site));
    assert_eq!(loaded.said(), Vec::<String>::new());
    let (one, two) = (loaded.set.get("acme-1.0").unwrap(), loaded.set.get("acme-2.0").unwrap());
    assert_eq!((one.model("A1").unwrap().lines, two.model("A9").unwrap().lines), (2, 9));
    assert_eq!(
        (json(&one.manifest.vars), json(&two.manifest.vars)),
        (r#"{"who":"family"}"#.into(), r#"{"who":"id"}"#.into())
    );
    let names: Vec<_> = two.layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["override-id", "override", "v2_0"]);
    let files = one.static_files(&mut Diagnostics::default());
    let files: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.content.clone())).collect();
    assert_eq!(files, [("a.txt", Content::Embedded(b"site")), ("sub/b.txt", Content::Embedded(b"plugin"))]);
}

#[test]
fn overrides_of_nothing_and_of_identity_are_refused() {
    let plugins = tree(&[("acme/v1_0/plugin.yaml", &manifest("1.0", ""))]);
    let site = tree(&[
        ("acme/plugin.yaml", "vendor: Other\nvers: {}\n"),
        ("acne/plugin.yaml", "vars: {}\n"),
        ("acme-1.1/plugin.yaml", "vars: {}\n"),
    ]);
    assert_eq!(
        Loaded::new(vec![plugins], Some(site)).said(),
        [
            "PV0412 acme/plugin.yaml:1:1+6 an override cannot set `vendor`; it can set tables, vars, models, model_defaults, function_keys, files, static, extra, dhcp, resync, firmware_packages",
            "PV0412 acme/plugin.yaml:2:1+4 an override cannot set `vers`; did you mean `vars`?",
            "PV0411 <built-in>/acme-1.1 overrides no family or plugin; did you mean `acme-1.0`?",
            "PV0411 <built-in>/acne overrides no family or plugin; did you mean `acme`?",
        ]
    );
}

#[test]
fn two_directories_of_one_id_are_refused() {
    let text = manifest("1.0", "");
    let loaded = load(&[("acme/v1.0/plugin.yaml", &text), ("acme/v1_0/plugin.yaml", &text)]);
    assert_eq!(loaded.said(), ["PV0415 acme/v1_0/plugin.yaml:1:5+8 two plugins have the id `acme-1.0`"]);
}

#[test]
fn stray_directories_are_named() {
    let loaded = load(&[
        ("acme/v1_0/plugin.yaml", &manifest("1.0", "")),
        ("acme/docs/x.txt", ""),
        ("acme/plugin/plugin.yaml", ""),
        ("acme/README.md", ""),
    ]);
    let said = loaded.said();
    assert_eq!(said.len(), 2);
    assert!(said[0].starts_with("PV0416 <built-in>/acme/docs is neither a version nor a layer"), "{said:?}");
    assert!(
        said[1].starts_with("PV0416 <built-in>/acme/plugin is neither a version nor a layer"),
        "{said:?}"
    );
}

#[test]
fn the_standard_plugins_have_no_mistakes() {
    let (mut sources, mut out) = (SourceMap::default(), Diagnostics::default());
    PluginSet::load(&[], None, &mut sources, &mut out);
    assert_eq!(said(&out, &sources), Vec::<String>::new());
}

#[test]
fn directories_are_read_without_leaving_them() {
    let directory = tempfile::tempdir().unwrap();
    let plugins = directory.path().join("plugins");
    let version = plugins.join("acme/v1_0");
    fs::create_dir_all(version.join("files/sub")).unwrap();
    fs::write(version.join("plugin.yaml"), manifest("1.0", "static: files\n")).unwrap();
    fs::write(version.join("files/sub/ring.wav"), "x").unwrap();
    fs::write(version.join("files/.hidden"), "x").unwrap();
    fs::write(directory.path().join("secret"), "x").unwrap();
    symlink("sub/ring.wav", version.join("files/again.wav")).unwrap();
    symlink(directory.path().join("secret"), version.join("files/out")).unwrap();
    symlink("..", version.join("files/up")).unwrap();
    let (mut sources, mut out) = (SourceMap::default(), Diagnostics::default());
    let trees = vec![Source::Directory(plugins.clone())];
    let set = PluginSet::load_from(trees, None, &mut sources, &mut out);
    assert!(out.is_empty(), "{:?}", said(&out, &sources));
    assert_eq!(set.inputs(), [version.join("plugin.yaml")]);
    let files = set.get("acme-1.0").unwrap().static_files(&mut out);
    let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["again.wav", "sub/ring.wav"]);
    let codes: Vec<_> =
        out.iter().map(|d| (d.code.0, d.message.rsplit('/').next().unwrap().to_owned())).collect();
    assert_eq!(
        codes,
        [("PV0409", "out leads out of the directory".into()), ("PV0409", "up leads to a directory".into())]
    );
}

#[test]
fn what_cannot_be_read_is_an_error_and_not_a_panic() {
    let directory = tempfile::tempdir().unwrap();
    let version = directory.path().join("acme/v1_0");
    fs::create_dir_all(version.join("plugin.yaml")).unwrap();
    fs::create_dir_all(directory.path().join("acme/v2_0")).unwrap();
    fs::write(directory.path().join("acme/v2_0/plugin.yaml"), vec![b'#'; 1024 * 1024 + 1]).unwrap();
    fs::create_dir_all(directory.path().join("acme/v3_0")).unwrap();
    fs::write(directory.path().join("acme/v3_0/plugin.yaml"), b"id: \xff\n").unwrap();
    let (mut sources, mut out) = (SourceMap::default(), Diagnostics::default());
    let missing = directory.path().join("nowhere");
    let set = PluginSet::load(&[directory.path().to_owned(), missing], None, &mut sources, &mut out);
    assert!(set.get("acme-1.0").is_none());
    let codes: Vec<_> = out.iter().map(|d| d.code.0).collect();
    assert_eq!(codes, ["PV0407", "PV0407", "PV0408", "PV0103"], "{:?}", said(&out, &sources));
}

#[test]
fn an_empty_family_says_nothing() {
    assert_eq!(acme("").said(), Vec::<String>::new());
    assert_eq!(load(&[]).set.iter().len(), 0);
}

/// Whatever plugin the whole set chooses, the directories of that plugin alone choose and describe alike.
#[test]
fn a_plugin_loaded_alone_is_the_one_of_the_whole_set() {
    let mut out = Diagnostics::default();
    let mut sources = SourceMap::default();
    let all = PluginSet::load(&[], None, &mut sources, &mut out);
    assert!(out.is_empty() && all.iter().len() > 2);
    for plugin in all.iter() {
        let units = plugin.units().map(str::to_owned).collect();
        let wanted = BTreeMap::from([(plugin.family.clone(), units)]);
        let some = PluginSet::load_some(&[], None, &wanted, &mut sources, &mut out);
        assert!(out.is_empty(), "{}: {out:?}", plugin.id());
        let alone = some.get(plugin.id()).unwrap();
        assert_eq!((some.iter().len(), alone.broken), (1, false));
        assert!(alone.units().eq(plugin.units()));
        assert_eq!(alone.models, plugin.models);
        let firmware = plugin.manifest.firmware.value.reference();
        for model in &plugin.manifest.models {
            let query = Query {
                vendor: Some(plugin.manifest.vendor.value.as_str()),
                model: Some(&model.name),
                firmware: Some(firmware.as_str()),
                ..Query::default()
            };
            let chosen = all.associate(&query).unwrap();
            if chosen.plugin.id() == plugin.id() {
                let again = some.associate(&query).unwrap();
                assert_eq!((again.plugin.id(), again.level), (plugin.id(), chosen.level));
                assert_eq!(again.model().name, chosen.model().name);
            }
        }
    }
}
