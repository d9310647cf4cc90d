//! The pages.
use super::plant::HOSTILE;
use super::quiet;

/// Every element that is opened is closed, in order; returns how often each name was opened.
fn assert_well_formed(page: &str) {
    const VOID: [&str; 5] = ["meta", "link", "input", "br", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap_or_else(|| panic!("`<{tag}` does not end"));
        let name = tag.split_whitespace().next().unwrap();
        match name.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed), "in {page}"),
            None if VOID.contains(&name.to_ascii_lowercase().as_str()) => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn the_page_of_an_item_shows_both_ways_steps_limits_and_why_it_is_not_complete() {
    let page = quiet().get("/item?id=SN-0001");
    assert_eq!(page.code, 200);
    assert_well_formed(&page.body);
    for wanted in [
        "<h1><bdi class=\"code\">SN-0001</bdi></h1>",
        "← Made of",
        "href=\"/item?id=l/supplier/ACME/0001\"",
        "Lot of supplier ACME",
        "one of several",
        "0.25 kg",
        "Went into →",
        "href=\"/item?id=c/gs1/003400000000000017\"",
        "<summary>Level M2, below P1 <span class=\"quiet\">in the style of IPC-1782, no claim of conformity",
        "<li><bdi>M3 wanted: where l/site/&#60;1&#62; came from</bdi></li>",
        "<li><bdi>M3 wanted: and 3 more</bdi></li>",
        "What it inherits",
        "<bdi>nuts</bdi>",
        "consumed by l/site/D-1 (#7) · consumed by u/site/SN-0001 (#9) · not certain",
        "<td class=\"quiet\">none</td>",
        "⚠ Not all is known: <bdi>it was made of more items than are looked at</bdi>",
        "complete at PRESS10",
        "✗ fail",
        "datetime=\"2026-11-22T08:41:50.000Z\">2026-11-22 08:41:50<",
        "<td class=\"number\">12.1</td><td>N·m</td><td class=\"number\">11</td><td class=\"number\">13</td>",
        "✗ outside",
        "⚠ BadOutOfRange",
        "Phase milling",
        "On hold.",
        "torque looks &#60;high&#62;",
        "Not complete,</strong> up to record #42",
        "While Unit SN-0001 of this site was at PRESS10, device press was not observed: the connection was lost (2026-11-22 08:41:12 to 08:41:51, record #12).",
        "concluded, not read",
        "trial",
    ] {
        assert!(page.body.contains(wanted), "`{wanted}` is not in {}", page.body);
    }
}

#[test]
fn a_hostile_serial_is_text_everywhere() {
    let server = quiet();
    let typed = "%3Cscript%3Ealert(1)%3C/script%3E%22'%26%7B%7B7*7%7D%7D";
    for path in ["/".to_owned(), format!("/item?id={typed}"), format!("/item?id=x{typed}")] {
        let page = server.get(&path);
        assert_well_formed(&page.body);
        assert!(!page.body.contains("<script"), "{}", page.body);
        assert!(page.body.contains("&#60;script&#62;alert(1)"), "{}", page.body);
    }
    let page = server.get(&format!("/item?id={typed}"));
    assert_eq!(page.code, 200);
    assert!(page.body.contains("✓ Complete."), "{}", page.body);
    assert!(!page.body.contains(HOSTILE));
}

#[test]
fn an_ambiguous_code_offers_its_candidates_and_an_unknown_one_is_said_politely() {
    let server = quiet();
    let page = server.get("/item?id=0001");
    assert_eq!(page.code, 300);
    assert_well_formed(&page.body);
    assert!(page.body.contains("Lot 0001 of supplier ACME"), "{}", page.body);
    assert!(page.body.contains("href=\"/item?id=l/supplier/Best%2520%26%2520Co/0001\""));

    assert!(page.body.contains(": it has this code</li>"), "{}", page.body);

    let page = server.get("/item?id=SN-OOO1");
    assert_eq!(page.code, 404);
    assert_well_formed(&page.body);
    for wanted in [
        "It was read as the code SN-OOO1.",
        "Unit SN-0001 of this site</bdi></a>: a similar code",
        "(3 more are not shown)",
    ] {
        assert!(page.body.contains(wanted), "`{wanted}` is not in {}", page.body);
    }

    let page = server.get("/item?id=SN-9");
    assert_eq!(page.code, 404);
    assert!(page.body.contains("Nothing recorded has this id."), "{}", page.body);
    assert!(page.body.contains("value=\"SN-9\""), "{}", page.body);
    assert_eq!(server.get("/item?id=").code, 303);
}

#[test]
fn a_list_that_is_cut_says_how_much_it_leaves_out() {
    let page = quiet().get("/item?id=many");
    assert_well_formed(&page.body);
    assert_eq!(page.body.matches("built in</span>").count(), 200);
    assert!(page.body.contains("1034 more are not shown here"), "{}", page.body);
}

#[test]
fn the_start_page_shows_how_the_plant_stands() {
    let page = quiet().get("/");
    assert_well_formed(&page.body);
    for wanted in [
        "id=\"stations\"",
        "⚠ not observed",
        "⚠ 1 set aside",
        "1204",
        "href=\"/item?id=l/supplier/ACME/0001\"",
        "⚠ drift",
        "71.25 °C, limit 70.5",
        "65 ± 1.5 °C, from 300 values",
        "began about 2026-11-22 08:41:20, not before 2026-11-22 08:41:15",
        "connection refused; is it powered?",
        "⚠ not secure",
        "device press was not observed",
        "<a href=\"/condition?station=PRESS10&#38;monitor=temp\">PRESS10 · temp</a>",
        "<a href=\"/condition?station=PRESS10&#38;monitor=red\">PRESS10 · red</a>",
        "⚠ its master was judged wrongly",
        "href=\"/item?id=u/site/SN-1\"",
        "and 1226 more: <a href=\"/api/v1/suspects?station=PRESS10\">all of them</a>",
    ] {
        assert!(page.body.contains(wanted), "`{wanted}` is not in {}", page.body);
    }
}

#[test]
fn the_page_of_a_condition_says_what_since_when_and_what_was_made_and_draws_it() {
    let server = quiet();
    let page = server.get("/condition?station=PRESS10&monitor=temp");
    assert_eq!(page.code, 200);
    assert_well_formed(&page.body);
    for wanted in [
        "<h1><bdi class=\"code\">temp</bdi></h1>",
        "<span class=\"bad\">⚠ drift</span> since",
        ", by moving average",
        "It began about 2026-11-22 08:41:20, not before 2026-11-22 08:41:15",
        "Decided by 71.25 °C, limit 70.5",
        "Not complete,</strong> up to record #42",
        "nobody knows since when",
        "href=\"/item?id=u/site/SN-1\"",
        "&#60;script&#62;alert(1)",
        "temp at PRESS10 has &#60;drifted&#62;",
        "href=\"/api/v1/conditions/PRESS10/temp\"",
        "<title>limit 70 °C</title>",
        // From 60.5 to 70: 65.5 is nearly in the middle, before the window and not suspect; the last value is.
        "<circle class=\"point\" cx=\"8.0\" cy=\"114.1\" r=\"3\"><title>SN-0: 65.5 °C, 2026-11-22 08:41:10</title>",
        "<circle class=\"suspect\" cx=\"792.0\"",
        "<rect class=\"window\" x=\"204.0\" y=\"0\" width=\"588.0\"",
        "2 values, ",
    ] {
        assert!(page.body.contains(wanted), "`{wanted}` is not in {}", page.body);
    }
    let page = server.get("/condition?station=PRESS10&monitor=%3Cb%3E");
    assert_eq!(page.code, 404);
    assert_well_formed(&page.body);
    assert!(page.body.contains("there is no monitor `PRESS10.&#60;b&#62;`"), "{}", page.body);
    assert_eq!(server.get("/condition?station=PRESS10").code, 400);
}

#[test]
fn pages_need_nothing_from_elsewhere_and_no_script() {
    let server = quiet();
    for path in ["/", "/item?id=SN-0001", "/condition?station=PRESS10&monitor=temp", "/style.css"] {
        let page = server.get(path);
        for never in ["<script", "http://", "https://", " style=", " onclick=", "url(", "@import"] {
            assert!(!page.body.contains(never), "{path} has `{never}`");
        }
    }
}
