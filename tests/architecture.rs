//! The map in `docs/architecture.md`, checked: who may name whom, what pure code may not name, and
//! how long a file and a function may be.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A room, and the rooms that it may name besides itself. An edge that is not here is a change of
/// the design: say why in the commit.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("pki", &["model"]),
    ("capture", &["model"]),
    ("condition", &["model"]),
    ("genealogy", &["model"]),
    ("engine", &["model", "capture", "condition", "genealogy"]),
    ("bench", &["model", "engine", "query"]),
    ("config", &["model", "capture", "condition", "genealogy", "engine", "bench"]),
    ("telemetry", &["model"]),
    ("ledger", &["model"]),
    ("tape", &["model"]),
    ("store", &["model", "genealogy", "ledger"]),
    ("query", &["model", "genealogy", "condition", "store", "tape", "ledger"]),
    ("field", &["model", "pki"]),
    // The types of genealogy and condition are in the answers of `query`.
    ("address_space", &["model", "query", "genealogy", "condition", "pki"]),
    ("http", &["model", "query", "genealogy", "condition"]),
    ("demo", &["model", "field"]),
    (
        "daemon",
        &[
            "model",
            "pki",
            "capture",
            "condition",
            "genealogy",
            "engine",
            "config",
            "ledger",
            "tape",
            "store",
            "query",
            "field",
            "address_space",
            "http",
            "demo",
        ],
    ),
    (
        "cli",
        &[
            "model",
            "pki",
            "capture",
            "condition",
            "genealogy",
            "engine",
            "config",
            "ledger",
            "tape",
            "store",
            "query",
            "field",
            "address_space",
            "http",
            "demo",
            "bench",
            "daemon",
        ],
    ),
];

/// Paths that a room may name though it may not name the room they are in.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("config", "field::modbus::point"),
    ("config", "field::modbus::plan"),
    ("bench", "field::modbus::decode"),
    // What the read side answers is held against a plant whose truth is known; pure, and of `model` alone.
    ("query", "demo::scenario"),
];

/// Rooms and files in which nothing can happen but computation. The other rooms may name
/// `telemetry`.
const PURE: &[&str] = &[
    "model/",
    "capture/",
    "condition/",
    "genealogy/",
    "engine/",
    "bench/",
    "field/link.rs",
    "field/modbus/cost.rs",
    "field/modbus/decode.rs",
    "field/modbus/point.rs",
    "field/modbus/plan.rs",
];

/// Crates, modules of `std` and types that pure code may not name.
const IMPURE_CRATES: &[&str] = &["tokio", "tokio_util", "sled", "opcua", "tokio_modbus", "rand"];
const IMPURE_STD: &[&str] = &["fs", "net", "env", "thread", "process", "os"];
const IMPURE_TYPES: &[&str] = &["Instant", "SystemTime", "HashMap", "HashSet"];

/// A crate, and where alone it may be named.
const KEPT_IN: &[(&str, &[&str])] = &[
    ("opcua", &["field/opcua", "address_space/", "pki/", "demo/"]),
    ("tokio_modbus", &["field/modbus", "demo/"]),
    ("tokio_serial", &["field/modbus"]),
    ("tokio_rustls", &["field/modbus"]),
    ("sled", &["store/"]),
];

/// Ways to ask what time it is.
const CLOCKS: &[&str] = &["Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now"];
const CLOCK: &str = "daemon/clock.rs";

/// Past this a file has more than one subject.
const FILE_LINES_MAX: usize = 800;
/// Past this a function is not seen at one glance.
const FUNCTION_LINES_MAX: usize = 70;

/// A file of `src/`: its path in there, and its text without comments.
struct Source {
    path: String,
    code: String,
}

impl Source {
    fn room(&self) -> &str {
        self.path.split(['/', '.']).next().unwrap()
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }

    /// `path:line: ` of the byte at `at`.
    fn place(&self, at: usize) -> String {
        format!("{}:{}", self.path, self.code[..at].matches('\n').count() + 1)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Comments, doc comments included, are blanked; lines stay where they are.
fn without_comments(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let comment = line.trim_start().starts_with("//");
        if comment { "" } else { line.split(" // ").next().unwrap() }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut paths = Vec::new();
    files(&src, &mut paths);
    let sources: Vec<Source> = paths
        .iter()
        .map(|path| Source {
            path: path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/"),
            code: without_comments(&fs::read_to_string(path).unwrap()),
        })
        .filter(|source| !["lib", "main"].contains(&source.room()))
        .collect();
    assert!(sources.len() > 40, "the sources are there");
    sources
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where `word` stands as a word of its own, with what is before and behind it.
fn words<'c>(code: &'c str, word: &str) -> impl Iterator<Item = (usize, &'c str, &'c str)> {
    code.match_indices(word)
        .map(move |(at, found)| (at, &code[..at], &code[at + found.len()..]))
        .filter(|(_, before, behind)| !before.ends_with(is_word) && !behind.starts_with(is_word))
}

/// The paths named below `root` (`crate::`, `std::`), groups spelled out, each with where it stands.
fn named(code: &str, root: &str) -> Vec<(usize, String)> {
    code.match_indices(root)
        .filter(|(at, _)| !code[..*at].ends_with(is_word))
        .flat_map(|(at, found)| {
            spelled_out(&code[at + found.len()..], 3).into_iter().map(move |p| (at, p))
        })
        .collect()
}

/// `a::{b::c, d}` as `a::b::c` and `a::d`, to `depth` segments.
fn spelled_out(path: &str, depth: usize) -> Vec<String> {
    if let Some(group) = path.strip_prefix('{') {
        return members(group).into_iter().flat_map(|m| spelled_out(m.trim(), depth)).collect();
    }
    let end = path.find(|c: char| !is_word(c)).unwrap_or(path.len());
    let (segment, rest) = path.split_at(end);
    match rest.strip_prefix("::").filter(|_| depth > 1) {
        Some(rest) if rest.starts_with(|c: char| is_word(c) || c == '{') => {
            spelled_out(rest, depth - 1)
                .into_iter()
                .map(|rest| format!("{segment}::{rest}"))
                .collect()
        }
        Some(_) | None => vec![segment.to_owned()],
    }
}

/// The members of a group, whose opening brace is taken off already.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut out) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                out.push(&group[begin..at]);
                begin = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    out.retain(|member| !member.trim().is_empty());
    out
}

/// Whether the crate itself is named here, not a module of the same name.
fn names_crate(source: &Source, before: &str, behind: &str, krate: &str) -> bool {
    let path = behind.starts_with("::") || behind.starts_with(" as ");
    if let Some(outside) = before.strip_suffix("::") {
        return path && !outside.ends_with(|c: char| is_word(c) || c == '>');
    }
    let module = format!("mod {krate};");
    let imported = format!("::{krate}");
    let is_module = source.code.contains(&module)
        || named(&source.code, "crate::").iter().any(|(_, path)| path.ends_with(&imported));
    path && !is_module
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_map_and_the_house_have_the_same_rooms() {
    let on_the_map: BTreeSet<_> = MAY_NAME.iter().map(|(room, _)| (*room).to_owned()).collect();
    let in_the_house: BTreeSet<_> = fs::read_dir(root().join("src"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(on_the_map, in_the_house);
    let library = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let drawn = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    for room in on_the_map {
        let begin = fs::read_to_string(root().join(format!("src/{room}/mod.rs"))).unwrap();
        assert!(begin.starts_with("//! "), "{room}/mod.rs says what the room is for");
        assert!(library.contains(&format!("pub mod {room};")), "{room} is in the library");
        assert!(drawn.contains(&format!("| `{room}/` |")), "{room} is in docs/architecture.md");
    }
}

#[test]
fn rooms_name_only_those_that_the_map_allows() {
    let mut faults = Vec::new();
    for source in sources() {
        let room = source.room();
        let allowed = MAY_NAME.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, m)| m);
        let pure = MAY_NAME.iter().any(|(name, _)| *name == room)
            && PURE.contains(&format!("{room}/").as_str());
        for (at, path) in named(&source.code, "crate::") {
            let other = path.split("::").next().unwrap();
            let known = MAY_NAME.iter().any(|(name, _)| *name == other);
            let fine = other == room
                || !known
                || allowed.contains(&other)
                || (other == "telemetry" && !pure)
                || EXCEPTIONS.contains(&(room, path.as_str()));
            if !fine {
                faults.push(format!("{}: `{room}` may not name `{path}`", source.place(at)));
            }
        }
    }
    report(&faults);
}

#[test]
fn pure_code_names_nothing_of_the_outside() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| source.is_in(PURE)) {
        let code = &source.code;
        let crates = IMPURE_CRATES.iter().flat_map(|krate| {
            words(code, krate)
                .filter(|(_, b, a)| names_crate(source, b, a, krate))
                .map(|(at, ..)| at)
        });
        let types = IMPURE_TYPES.iter().flat_map(|name| words(code, name).map(|(at, ..)| at));
        let std = named(code, "std::")
            .into_iter()
            .filter(|(_, path)| IMPURE_STD.contains(&path.split("::").next().unwrap()))
            .map(|(at, _)| at);
        for at in crates.chain(types).chain(std) {
            let line = code[at..].lines().next().unwrap();
            faults.push(format!("{}: pure code may not name `{line}`", source.place(at)));
        }
    }
    report(&faults);
}

#[test]
fn foreign_crates_stay_where_they_are_wrapped() {
    let mut faults = Vec::new();
    for source in sources() {
        for (krate, places) in KEPT_IN {
            for (at, before, behind) in words(&source.code, krate) {
                if !source.is_in(places) && names_crate(&source, before, behind, krate) {
                    faults.push(format!(
                        "{}: `{krate}` is named only in {places:?}",
                        source.place(at)
                    ));
                }
            }
        }
    }
    report(&faults);
}

#[test]
fn there_is_one_clock() {
    let mut faults = Vec::new();
    let is_test = |path: &str| path.contains("/tests/") || path.ends_with("/tests.rs");
    for source in sources().iter().filter(|s| s.path != CLOCK && !is_test(&s.path)) {
        for clock in CLOCKS {
            for (at, ..) in words(&source.code, clock) {
                faults.push(format!("{}: `{clock}` only in {CLOCK}", source.place(at)));
            }
        }
    }
    report(&faults);
}

/// The line numbers, from 1, and lengths of the functions that are too long. Sources are formatted,
/// so a function ends where a brace closes at its own indentation.
fn long_functions(code: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    let indent = |line: &str| line.len() - line.trim_start().len();
    let begins = |line: &str| {
        let text = line.trim_start();
        let head = text.split("fn ").next().unwrap();
        text.contains("fn ")
            && head.split_whitespace().all(|word| {
                word.starts_with("pub") || ["const", "async", "unsafe", "in"].contains(&word)
            })
    };
    let length = |at: usize| {
        let own = indent(lines[at]);
        lines[at..].iter().position(|line| indent(line) == own && line.trim_start() == "}")
    };
    (0..lines.len())
        .filter(|at| begins(lines[*at]) && !lines[*at].ends_with([';', '}']))
        .filter_map(|at| Some((at + 1, length(at)? + 1)))
        .filter(|(_, length)| *length > FUNCTION_LINES_MAX)
        .collect()
}

#[test]
fn files_and_functions_are_short() {
    let mut paths = Vec::new();
    files(&root().join("src"), &mut paths);
    files(&root().join("tests"), &mut paths);
    let mut faults = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root()).unwrap().display();
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            faults.push(format!("{name}: {lines} lines, {FILE_LINES_MAX} at most"));
        }
        for (line, length) in long_functions(&text) {
            faults.push(format!(
                "{name}:{line}: a function of {length} lines, {FUNCTION_LINES_MAX} at most"
            ));
        }
    }
    report(&faults);
}

/// The rules would say nothing if they saw nothing.
#[test]
fn the_rules_see_what_they_are_for() {
    let code = "use crate::model::plant::Tag;
        use crate::{engine, field::{link, modbus::{plan::Plan, point}}};
        let x = crate::store::open();";
    let paths: Vec<String> = named(code, "crate::").into_iter().map(|(_, path)| path).collect();
    let points = ["field::modbus::plan", "field::modbus::point"];
    let wanted =
        ["model::plant::Tag", "engine", "field::link", points[0], points[1], "store::open"];
    assert_eq!(paths, wanted);

    let source = |code: &str| Source { path: "http/mod.rs".to_owned(), code: code.to_owned() };
    let named_in = |code: &str| {
        let source = source(code);
        words(&source.code, "opcua").any(|(_, b, a)| names_crate(&source, b, a, "opcua"))
    };
    assert!(named_in("use opcua::types::Variant;") && named_in("let x = ::opcua::f();"));
    assert!(named_in("use ::opcua as ua;"));
    assert!(
        !named_in("mod opcua;\nlet x = opcua::run();") && !named_in("crate::field::opcua::run")
    );
    assert!(!named_in("use crate::field::{link, opcua};\nlet x = opcua::run();"));
    assert!(!named_in("let opcua = 1;") && !named_in("my_opcua::f()"));

    let body = "    let x = 1;\n".repeat(FUNCTION_LINES_MAX);
    assert_eq!(long_functions(&format!("pub(super) async fn long() {{\n{body}}}\n")), [(1, 72)]);
    let body = "    let x = 1;\n".repeat(FUNCTION_LINES_MAX - 2);
    assert_eq!(long_functions(&format!("fn short() {{\n{body}}}\nfn other();\n")), []);

    assert_eq!(without_comments("a // tokio::x\n// sled::\nb"), "a\n\nb");
}
