//! The pages that come from the code are as the code is, and no page points to where nothing is.
use super::support::here;
use pedigree::telemetry::TABLE;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Compares a page with what the code says; `UPDATE=1` writes it anew.
fn same(path: &str, wanted: &str) {
    let path = here(path);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "{} is old: run `UPDATE=1 cargo test docs`", path.display());
}

#[test]
fn the_page_of_the_command_line_is_what_help_says() {
    same("docs/cli.md", &pedigree::cli::reference());
}

#[test]
fn the_page_of_the_metrics_is_their_table() {
    let mut page = String::from(
        "# Metrics\n\n\
         This page is generated from the code: `UPDATE=1 cargo test docs` writes it anew.\n\n\
         `GET /metrics` gives them in the text format of Prometheus, with the `process_*` metrics of the\n\
         daemon beside them. A serial or a lot is never a label. Histograms are in seconds.\n\n\
         | name | type | labels | |\n|---|---|---|---|\n",
    );
    for (name, kind, labels, help) in TABLE {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        let _ = writeln!(page, "| `{name}` | {kind} | {} | {help} |", labels.join(" "));
    }
    same("docs/metrics.md", &page);
}

/// Every page of the project, none of what is built or fetched.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The targets of links, those in code aside.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (i, block) in text.split("```").enumerate() {
        let prose = block.split('`').step_by(2).collect::<String>();
        if i % 2 == 0 {
            let starts = prose.split("](").skip(1);
            found.extend(starts.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())));
        }
    }
    found
}

#[test]
fn every_link_of_a_page_leads_to_a_file() {
    let mut all = Vec::new();
    pages(&here(""), &mut all);
    assert!(all.iter().any(|page| page.ends_with("README.md")), "no pages: {all:?}");
    let mut broken = Vec::new();
    let mut followed = 0;
    for page in all {
        for link in links(&fs::read_to_string(&page).unwrap()) {
            if link.contains("://") || link.starts_with('#') {
                continue;
            }
            let file = link.split('#').next().unwrap();
            followed += 1;
            if !page.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(followed > 10, "only {followed} links were found");
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The names of tests in a folder of the project, with the path of their module.
fn tests_below(folder: &Path, path: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let inner = if matches!(name.as_str(), "mod" | "main" | "lib") {
            path.to_owned()
        } else {
            format!("{path}{name}::")
        };
        if file.is_dir() {
            tests_below(&file, &inner, found);
        } else if file.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&file).unwrap();
            // `#[tokio::test(flavor = …)]` is one as well.
            let text = text.replace("test(start_paused = true)]\n", "test]\n");
            let text = text.replace("test(flavor = \"multi_thread\")]\n", "test]\n");
            let after = text.split("test]\n").skip(1).filter_map(|rest| rest.split_once("fn "));
            let names = after.filter_map(|(_, rest)| rest.split_once('('));
            found.extend(names.map(|(name, _)| format!("{inner}{name}")));
        }
    }
}

/// The tests that a page names, all of which there are.
fn named(page: &str, all: &[String]) -> Vec<String> {
    let page = fs::read_to_string(here(page)).unwrap();
    let words = page.split('`').skip(1).step_by(2).filter(|word| word.contains("::"));
    let named: Vec<String> = words.map(str::to_owned).collect();
    assert!(named.len() > 20, "only {named:?}");
    let gone: Vec<_> = named.iter().filter(|name| !all.contains(name)).collect();
    assert!(gone.is_empty(), "named, but not there: {gone:#?}");
    named
}

#[test]
fn the_pages_of_promises_and_faults_name_the_tests_that_there_are() {
    let (mut ours, mut all) = (Vec::new(), Vec::new());
    tests_below(&here("tests/it"), "", &mut ours);
    tests_below(&here("src"), "", &mut all);
    all.extend(ours.iter().cloned());
    named("docs/guarantees.md", &all);
    named("docs/formats.md", &all);
    let named = named("docs/reliability.md", &all);
    let faults = ours.iter().filter(|t| t.starts_with("faults::") || t.starts_with("soak::"));
    let silent: Vec<_> = faults.filter(|t| !named.contains(t)).collect();
    assert!(silent.is_empty(), "there, but not named: {silent:#?}");
}

/// Rooms that hold what comes from outside.
const HOLD: [&str; 11] = [
    "address_space",
    "capture",
    "condition",
    "daemon",
    "engine",
    "field",
    "http",
    "ledger",
    "query",
    "store",
    "tape",
];

/// The code of these rooms by its files, in their order, without its tests.
fn code() -> Vec<(String, String)> {
    let (mut folders, mut found) = (HOLD.map(|room| here("src").join(room)).to_vec(), Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            let name = file.strip_prefix(here("")).unwrap().to_str().unwrap().to_owned();
            if file.is_dir() && !name.ends_with("/tests") {
                folders.push(file);
            } else if file.is_file()
                && file.extension().is_some_and(|kind| kind == "rs")
                && !name.ends_with("/tests.rs")
            {
                let text = fs::read_to_string(&file).unwrap();
                let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                found.push((name, text.to_owned()));
            }
        }
    }
    found.sort();
    found
}

/// What is said of what begins at this line.
fn said(lines: &[&str], at: usize) -> String {
    let above = lines[..at].iter().rev().map_while(|line| line.trim().strip_prefix("/// "));
    let mut said: Vec<&str> = above.collect();
    said.reverse();
    said.join(" ").replace('|', "\\|")
}

/// The constants that bound something: `const …_MAX: … = …;`.
fn bounds(page: &mut String, (file, text): &(String, String)) {
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let Some((_, rest)) = line.split_once("const ") else { continue };
        let Some((name, rest)) = rest.split_once(": ") else { continue };
        let Some((_, value)) = rest.split_once(" = ") else { continue };
        if name.ends_with("_MAX") {
            let (value, what) = (value.trim_end_matches(';'), said(&lines, at));
            let _ = writeln!(page, "| `{file}` | `{name}` | `{value}` | {what} |");
        }
    }
}

/// The queues between tasks, and what hands out turns, with their bounds; what holds one value is none.
fn queues(page: &mut String, (file, text): &(String, String)) {
    for kind in ["mpsc::channel(", "weighed::channel(", "broadcast::channel(", "Semaphore::new("] {
        for (_, rest) in text.match_indices(kind).map(|(at, _)| text[at..].split_at(kind.len())) {
            let mut depth = 0_i32;
            let closes = |c| {
                depth += i32::from(c == '(') - i32::from(c == ')');
                depth < 0
            };
            let bound = rest.split(closes).next().unwrap();
            assert!(!bound.is_empty(), "{file}: a queue without a bound");
            let _ = writeln!(page, "| `{file}` | `{kind}…)` | `{bound}` |");
        }
    }
}

#[test]
fn the_page_of_limits_lists_every_queue_and_every_bound_there_is() {
    let mut page = String::from(
        "# Limits\n\n\
         This page is generated from the code: `UPDATE=1 cargo test docs` writes it anew. What happens at them is\n\
         promise 13 of [what is promised](guarantees.md): who brings too much waits or is refused, and what is lost is\n\
         a counted gap. The lint of the build refuses a queue of tokio without a bound.\n\n\
         ## Queues between tasks\n\n| file | queue | bound |\n|---|---|---|\n",
    );
    let code = code();
    for file in &code {
        queues(&mut page, file);
    }
    page.push_str("\n## Bounds\n\n| file | bound | value | |\n|---|---|---|---|\n");
    for file in &code {
        bounds(&mut page, file);
    }
    assert!(page.lines().count() > 60, "{page}");
    same("docs/limits.md", &page);
}
