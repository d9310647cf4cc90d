//! `person`: what stands for a badge in the records.
use super::exit::{Done, Exit, Failure};
use super::{Context, offline, output};
use crate::daemon::PERSONS;
use std::path::PathBuf;

/// What stands for a badge in the records, as long as the key of persons is not erased.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// As a PLC or a command gives them.
    #[arg(required = true)]
    badge: Vec<String>,
    /// Another data directory than the configured one.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let dir = offline::data_dir(context, args.data.as_ref())?;
    let Some(persons) = offline::persons(&dir)? else {
        if !dir.is_dir() {
            let text = format!(
                "there is no data directory {}: name the settings with -c, or the directory with --data",
                dir.display()
            );
            return Err(Failure::new(Exit::Configuration, text));
        }
        let path = dir.join(PERSONS);
        let text = format!(
            "{} is not there: it was erased, or no daemon has run yet; whom the records name cannot be told",
            path.display()
        );
        return Err(Failure::new(Exit::Negative, text));
    };
    let token = |badge: &String| persons.token(&persons.veil(badge)).to_string();
    let told = args.badge.iter().map(|badge| (badge, token(badge)));
    if context.json {
        let told = told.map(|(badge, token)| serde_json::json!({ "badge": badge, "token": token }));
        output::json(&told.collect::<serde_json::Value>())?;
    } else {
        let rows = told.map(|(badge, token)| vec![badge.clone(), token]).collect();
        output::line(output::table(&["BADGE", "TOKEN"], rows))?;
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_not_there_is_told_from_a_key_that_was_erased() {
        let dir = tempfile::tempdir().unwrap();
        let context = Context { url: String::new(), config: None, json: false };
        let told = |data: PathBuf| {
            let args = Args { badge: vec!["4711".to_owned()], data: Some(data) };
            run(&context, &args).unwrap_err()
        };
        let nowhere = told(dir.path().join("data"));
        assert_eq!(nowhere.exit, Exit::Configuration);
        assert!(nowhere.text.contains("name the settings with -c"), "{nowhere:?}");
        let erased = told(dir.path().to_owned());
        assert_eq!(erased.exit, Exit::Negative);
        assert!(erased.text.contains("it was erased"), "{erased:?}");
    }
}
