//! `certs`: own, trusted and refused certificates, towards PLCs and towards clients.
use super::exit::{Done, Exit, Failure};
use super::{Context, output, settings};
use crate::daemon::{ADDRESS_SPACE_PKI, FIELD_PKI};
use crate::pki;
use std::path::PathBuf;

/// Own, trusted and refused certificates.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// All of them, with how they stand.
    #[command(visible_alias = "ls")]
    List,
    /// Let a refused client or PLC in, by its SHA-256 thumbprint or a certificate file.
    Trust {
        /// As `list` prints it, or a path.
        certificate: String,
    },
    /// Make our own certificates and keys, if there are none.
    New,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let config = settings::settings(context)?;
    let folders = [FIELD_PKI, ADDRESS_SPACE_PKI].map(|name| (name, config.pki_dir.join(name)));
    match &args.verb {
        Verb::List => list(context, &folders),
        Verb::Trust { certificate } => trust(&folders, certificate),
        Verb::New => {
            let server = format!("urn:pedigree:{}", config.site);
            let host = config.opcua.listen.ip().to_string();
            let uris = [crate::field::opcua::APPLICATION_URI, &server];
            for ((_, dir), uri) in folders.iter().zip(uris) {
                pki::ensure_own(dir, uri, "Pedigree", std::slice::from_ref(&host))
                    .map_err(|why| failure(&why))?;
            }
            list(context, &folders)
        }
    }
}

fn failure(why: &pki::PkiError) -> Failure {
    Failure::new(Exit::Permission, why.to_string())
}

fn list(context: &Context, folders: &[(&str, PathBuf)]) -> Done {
    let mut rows = Vec::new();
    for (towards, dir) in folders {
        for entry in pki::list(dir).map_err(|why| failure(&why))? {
            let c = &entry.certificate;
            rows.push(vec![
                (*towards).to_owned(),
                entry.standing.as_str().to_owned(),
                pki::thumbprint_hex(&c.thumbprint),
                c.subject.clone(),
            ]);
        }
    }
    let head = ["TOWARDS", "STANDING", "SHA-256 THUMBPRINT", "SUBJECT"];
    if context.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|r| serde_json::json!({"towards": r.first(), "standing": r.get(1), "thumbprint": r.get(2), "subject": r.get(3)}))
            .collect();
        output::json(&serde_json::Value::Array(rows))?;
    } else {
        output::line(output::table(&head, rows))?;
    }
    Ok(Exit::Ok)
}

/// In whichever folder it was refused.
fn trust(folders: &[(&str, PathBuf)], certificate: &str) -> Done {
    let path = PathBuf::from(certificate);
    if path.is_file() {
        for (_, dir) in folders {
            pki::trust_file(dir, &path).map_err(|why| failure(&why))?;
        }
        output::notice(&format!("{certificate} is trusted"));
        return Ok(Exit::Ok);
    }
    let thumbprint = pki::parse_thumbprint(certificate)
        .map_err(|why| Failure::new(Exit::NotFound, why.to_string()))?;
    let mut refused = Vec::new();
    for (towards, dir) in folders {
        match pki::trust(dir, &thumbprint) {
            Ok(found) => {
                output::notice(&format!("{} is trusted ({towards})", found.subject));
                return Ok(Exit::Ok);
            }
            Err(why) => refused.push(why.to_string()),
        }
    }
    Err(Failure::new(Exit::NotFound, refused.join("\n")))
}
