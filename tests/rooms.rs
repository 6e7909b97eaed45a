//! The rooms of the library, and what each may import: the map in docs/architecture.md is the rule.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use xtask::repository;

/// The rooms in the order of the map: each may import those above it, and none below.
///
/// A row of the map names its rooms in the first column; rooms of one row import each other only
/// from left to right.
fn map() -> Vec<String> {
    let text = std::fs::read_to_string(repository("docs/architecture.md")).unwrap();
    let (_, after) = text
        .split_once("<!-- rooms -->")
        .expect("the map begins with a marker");
    let (table, _) = after
        .split_once("<!-- /rooms -->")
        .expect("the map ends with a marker");
    let first = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('|').next());
    first
        .flat_map(|cell| cell.split(['`', ' ']).filter(|word| !word.is_empty()))
        .map(str::to_owned)
        .collect()
}

/// The source files of a room that the library is built from: no tests.
fn sources(room: &Path) -> Vec<PathBuf> {
    if room.is_file() {
        return vec![room.to_owned()];
    }
    let mut found = Vec::new();
    // A folder, and the names in it that a file beside it declares for tests alone.
    let mut folders = vec![(room.to_owned(), Vec::new())];
    while let Some((folder, declared)) = folders.pop() {
        let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let entries = entries.collect::<BTreeSet<_>>();
        let tests_of = |path: &Path| {
            let is_source = path.extension().is_some_and(|ending| ending == "rs");
            let text = is_source.then(|| std::fs::read_to_string(path).unwrap_or_default());
            text.map(|text| test_modules(&text)).unwrap_or_default()
        };
        let tests = entries.iter().flat_map(|path| tests_of(path)).chain(declared);
        let tests = tests.collect::<BTreeSet<_>>();
        for path in entries {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            if tests.contains(&name) {
                continue;
            } else if path.is_dir() {
                let declared = tests_of(&path.with_extension("rs"));
                folders.push((path, declared));
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// The modules in files of their own that a file declares for tests alone.
fn test_modules(text: &str) -> Vec<String> {
    let declared = text.split("#[cfg(test)]").skip(1).filter_map(|after| {
        let line = after.trim_start().lines().next()?;
        let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
        Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_owned())
    });
    declared.collect()
}

/// What a file says for the library: without comments and without its tests.
fn production(text: &str) -> String {
    let begins = ["#[cfg(test)]\nmod tests {", "#[cfg(test)]\npub(crate) mod tests {"];
    let ends = begins.into_iter().filter_map(|begin| text.find(begin)).min();
    let text = &text[..ends.unwrap_or(text.len())];
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The rooms that a file's paths `crate::…` lead to, groups in braces among them.
fn imported(text: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for after in text.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(group) => rooms.extend(heads(group)),
            None => rooms.extend(word(after)),
        }
    }
    rooms
}

/// The first word of each entry of a group in braces, whose opening one is already read.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut entry, mut found) = (0, String::new(), Vec::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => found.extend(word(&std::mem::take(&mut entry))),
            _ if depth == 0 => entry.push(c),
            _ => {}
        }
    }
    found.extend(word(&entry));
    found
}

fn word(text: &str) -> Option<String> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

#[test]
fn each_room_imports_only_rooms_above_it() {
    let map = map();
    let place = map.iter().enumerate().map(|(place, room)| (room.as_str(), place));
    let place = place.collect::<BTreeMap<_, _>>();
    assert_eq!(place.len(), map.len(), "a room stands twice in the map: {map:?}");

    let mut upwards = Vec::new();
    let mut there = BTreeSet::new();
    for entry in std::fs::read_dir(repository("lib/src")).unwrap() {
        let path = entry.unwrap().path();
        let room = path.file_stem().unwrap().to_string_lossy().into_owned();
        if room == "lib" {
            continue;
        }
        there.insert(room.clone());
        let Some(own) = place.get(room.as_str()) else { continue };
        for file in sources(&path) {
            let text = production(&std::fs::read_to_string(&file).unwrap());
            for other in imported(&text) {
                // The macro that declares a step's flags stands at the crate's root.
                if other == "arguments" {
                    continue;
                }
                assert!(place.contains_key(other.as_str()), "{}: no room {other}", file.display());
                if other != room && place.get(other.as_str()).is_some_and(|theirs| theirs > own) {
                    let file = file.strip_prefix(repository("")).unwrap().display().to_string();
                    upwards.push(format!("{file}: {room} imports {other}, which stands below it"));
                }
            }
        }
    }
    let listed = map.into_iter().collect::<BTreeSet<_>>();
    assert_eq!(listed, there, "left: the map in docs/architecture.md; right: lib/src");
    assert!(upwards.is_empty(), "{}", upwards.join("\n"));
}

#[test]
fn imports_are_found_in_every_form() {
    let text = "use crate::a::b;\nuse crate::{c, d::{e, f}, g::h};\nlet x = crate::i::J::new();";
    let found = imported(text).into_iter().collect::<Vec<_>>();
    assert_eq!(found, ["a", "c", "d", "g", "i"]);
    assert_eq!(production("// crate::a\nx\n#[cfg(test)]\nmod tests {\ncrate::b }"), "x");
    assert_eq!(test_modules("#[cfg(test)]\nmod canned;\nmod deck;\n"), ["canned"]);
}
