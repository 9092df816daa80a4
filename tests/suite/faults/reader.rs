//! Phones that fetch all the while: nginx serves out/, readers fetch every file in a loop, and fifty builds
//! change the files under them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{Place, Shape, rounds};
use crate::servers::{USER, nginx};
use crate::tree::is_root;

/// One answer: the status and the body.
fn fetch(connection: &mut BufReader<TcpStream>, name: &str, slowly: bool) -> (u16, Vec<u8>) {
    write!(connection.get_mut(), "GET /{name} HTTP/1.1\r\nHost: phones\r\n\r\n").unwrap();
    let (mut status, mut length) = (0, None);
    for n in 0.. {
        let mut line = String::new();
        connection.read_line(&mut line).unwrap();
        let line = line.trim_end();
        if n == 0 {
            status = line.split(' ').nth(1).unwrap_or_else(|| panic!("{name}: {line:?}")).parse().unwrap();
        } else if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = Some(value.trim().parse().unwrap());
        } else if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length.unwrap_or_else(|| panic!("{name}: no Content-Length"))];
    let (start, rest) = body.split_at_mut(if slowly { 1000.min(length.unwrap_or(0)) } else { 0 });
    connection.read_exact(start).unwrap();
    if slowly {
        // A build or two may come between the beginning of a file and its end.
        std::thread::sleep(std::time::Duration::from_millis(120));
    }
    connection.read_exact(rest).unwrap_or_else(|error| panic!("{name} ends too soon: {error}"));
    (status, body)
}

/// What every version of every file is.
struct Known<'a> {
    bodies: BTreeMap<&'a str, BTreeSet<&'a [u8]>>,
    /// Files that every version has.
    always: BTreeSet<&'a str>,
}

fn known(versions: &[Shape]) -> Known<'_> {
    let mut bodies: BTreeMap<&str, BTreeSet<&[u8]>> = BTreeMap::new();
    for version in versions {
        for (name, (_, bytes)) in version.iter().filter(|(_, entry)| entry.0 & 0o170_000 == 0o100_000) {
            bodies.entry(name).or_default().insert(bytes);
        }
    }
    let is_file =
        |version: &Shape, name: &str| version.get(name).is_some_and(|entry| entry.0 & 0o170_000 == 0o100_000);
    let always = bodies.keys().copied().filter(|name| versions.iter().all(|version| is_file(version, name)));
    Known { always: always.collect(), bodies }
}

#[test]
fn a_reader_sees_no_torn_and_no_missing_file_in_fifty_builds() {
    let mut place = Place::new(40);
    place.fleet.large(1);
    if is_root() {
        for repository in [&place.repository, &place.clean] {
            repository.write("provc.yaml", &format!("group: {USER}\n"));
        }
    }
    std::fs::set_permissions(place.root(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut fleets = vec![place.fleet.clone()];
    for large in 2..4 {
        (0..6).for_each(|_| place.fleet.edit(&mut place.random));
        place.fleet.edit_all(&mut place.random);
        place.fleet.large(large);
        fleets.push(place.fleet.clone());
    }
    let versions: Vec<Shape> = fleets
        .iter()
        .map(|fleet| {
            place.fleet = fleet.clone();
            place.clean_tree()
        })
        .collect();
    let known = known(&versions);
    assert!(known.always.len() > 40 && known.bodies.len() > known.always.len());
    assert!(known.bodies.values().filter(|bodies| bodies.len() > 1).count() > 40);
    place.fleet.write(place.root());
    place.built(&[]);

    let server = nginx(place.root(), &place.out());
    let (stop, fetched, absent) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let read = |slowly: bool| -> BTreeSet<(&str, &[u8])> {
        let connect = || BufReader::new(TcpStream::connect(("127.0.0.1", server.port)).unwrap());
        let mut seen = BTreeSet::new();
        while !stop.load(Ordering::Relaxed) {
            // As many as nginx answers on one connection by default, and fewer.
            let mut connection = connect();
            for (name, bodies) in known.bodies.iter().filter(|(name, _)| !slowly || name.starts_with("large"))
            {
                let (status, body) = fetch(&mut connection, name, slowly);
                fetched.fetch_add(1, Ordering::Relaxed);
                match status {
                    200 => {
                        let body = bodies.get(&*body);
                        let body = body.unwrap_or_else(|| panic!("{name} is no version that was ever built"));
                        seen.insert((*name, *body));
                    }
                    404 if !known.always.contains(name) => drop(absent.fetch_add(1, Ordering::Relaxed)),
                    status => panic!("{name}: {status}"),
                }
            }
        }
        seen
    };
    let seen = std::thread::scope(|scope| {
        let readers: Vec<_> = [false, false, true].map(|slowly| scope.spawn(move || read(slowly))).into();
        let mut last = 2;
        for _ in 0..rounds(50) {
            last = (last + 1 + place.random.below(2)) % 3;
            place.fleet = fleets[last].clone();
            place.fleet.write(place.root());
            place.built(&[]);
            if readers.iter().any(std::thread::ScopedJoinHandle::is_finished) {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
        let seen = readers.into_iter().map(|reader| reader.join().unwrap());
        seen.reduce(|mut all, some| {
            all.extend(some);
            all
        })
    });
    // The readers did meet the changes.
    let (seen, fetched) = (seen.unwrap_or_default(), fetched.into_inner());
    assert!(fetched > 500, "only {fetched} files were fetched");
    assert!(seen.len() > known.bodies.len(), "{} of {} files", seen.len(), known.bodies.len());
}
