//! The plant files of the simulated plant: templates with the real ports and thumbprints filled in.
use std::time::Duration;

/// What the templates do not know.
pub(super) struct Places<'a> {
    /// URL and thumbprint of cast-01.
    pub(super) cast: (&'a str, &'a str),
    /// URL and thumbprint of press-01.
    pub(super) press: (&'a str, &'a str),
    /// URL of asm-01.
    pub(super) asm: &'a str,
    /// URL of pack-01.
    pub(super) pack: &'a str,
    /// Time from part to part.
    pub(super) cycle: Duration,
}

/// Longest deadline of a handshake that only reports, so that its words are looked at 10 times a
/// second; a plant that is driven faster is looked at more often.
const DEADLINE_MS_MAX: u128 = 300;
/// Shortest: 50 looks a second are what the simulated PLCs are made for.
const DEADLINE_MS_MIN: u128 = 60;

/// Names and texts.
pub(super) fn files(places: &Places<'_>) -> Vec<(String, String)> {
    let deadline = (places.cycle.as_millis() * 3 / 10).clamp(DEADLINE_MS_MIN, DEADLINE_MS_MAX);
    let deadline = format!("{deadline}ms");
    let every = format!("{}ms", places.cycle.as_millis().max(1));
    let fill = |name: &str, template: &str, url: &str, thumbprint: &str| {
        let text = template
            .replace("@URL@", url)
            .replace("@THUMBPRINT@", thumbprint)
            .replace("@DEADLINE@", &deadline)
            .replace("@EVERY@", &every);
        (name.to_owned(), text)
    };
    vec![
        fill("10-cast.toml", include_str!("plant/10-cast.toml"), places.cast.0, places.cast.1),
        fill("20-press.toml", include_str!("plant/20-press.toml"), places.press.0, places.press.1),
        fill("30-assembly.toml", include_str!("plant/30-assembly.toml"), places.asm, ""),
        fill("50-packing.toml", include_str!("plant/50-packing.toml"), places.pack, ""),
    ]
}
