//! The daemon's settings and the checked plant, for every verb that needs them.
use super::Context;
use super::exit::{Exit, Failure};
use crate::config::daemon::DaemonConfig;
use crate::config::{self, plant::Checked};
use crate::model::SiteId;
use std::path::{Path, PathBuf};

/// Where the settings are looked for if nobody says.
const PLACES: [&str; 2] = ["pedigree.toml", "/etc/pedigree/pedigree.toml"];

/// The daemon's settings: the file that was named, else the first of the usual ones, else defaults.
pub(super) fn settings(context: &Context) -> Result<DaemonConfig, Failure> {
    let usual = || PLACES.iter().map(PathBuf::from).find(|p| p.is_file());
    let path = context.config.clone().or_else(usual);
    config::daemon::load(path.as_deref(), std::env::vars())
        .map_err(|faults| Failure::new(Exit::Configuration, faults.to_string()))
}

/// The plant in the configured folder, without a fault.
pub(super) fn plant(settings: &DaemonConfig) -> Result<Checked, Failure> {
    let files = read_dir(&settings.plant_dir)?;
    config::plant::load(&files, &settings.site)
        .map_err(|faults| Failure::new(Exit::Configuration, faults.to_string()))
}

/// The plant files of a folder, by name.
pub(super) fn read_dir(dir: &Path) -> Result<Vec<(String, String)>, Failure> {
    config::read_dir(dir).map_err(|why| {
        let text = format!("the plant files in {} cannot be read: {why}", dir.display());
        Failure::new(Exit::Configuration, text)
    })
}

/// Plant files that a verb was given, or those of the configured folder, and the site that they are
/// for.
pub(super) fn plant_files(
    context: &Context,
    paths: &[PathBuf],
) -> Result<(Vec<(String, String)>, SiteId), Failure> {
    if paths.is_empty() {
        let config = settings(context)?;
        let files = read_dir(&config.plant_dir)?;
        if files.is_empty() {
            let dir = config.plant_dir.display();
            let why = format!(
                "there are no plant files (*.toml) in {dir}; name files or a folder, or the settings with -c"
            );
            return Err(Failure::new(Exit::Configuration, why));
        }
        return Ok((files, config.site));
    }
    let site = SiteId::parse("site").expect("a good name");
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(read_dir(path)?);
        } else {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).map_err(|why| {
                Failure::new(Exit::Configuration, format!("{name} cannot be read: {why}"))
            })?;
            files.push((name, text));
        }
    }
    Ok((files, site))
}
