//! Faults: what is wrong in a file, where, why, and what to write instead.
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};
use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::ops::Range;
use std::sync::Arc;

/// Columns that a report is wrapped at.
const REPORT_WIDTH: usize = 100;

/// Whether a file may be used all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It may not.
    Error,
    /// It may, but somebody should look.
    Warning,
}

/// Something wrong at one place of a file. As JSON: severity, file, line, column, message, help.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Fault {
    /// Whether the file may be used all the same.
    pub severity: Severity,
    /// Name of the file as it was given.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What stands there and what was wanted.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
    #[serde(skip)]
    labels: Vec<(Range<usize>, String)>,
    #[serde(skip)]
    source: NamedSource<Arc<str>>,
    #[serde(skip)]
    order: (usize, usize),
}

impl Fault {
    /// Words under the caret.
    pub(super) fn label(&mut self, text: impl Into<String>) -> &mut Self {
        if let Some((_, label)) = self.labels.first_mut() {
            *label = text.into();
        }
        self
    }

    /// What to do next.
    pub(super) fn help(&mut self, text: impl Into<String>) -> &mut Self {
        self.help = Some(text.into());
        self
    }

    /// What to do next, if there is something to say.
    pub(super) fn maybe_help(&mut self, text: Option<String>) -> &mut Self {
        self.help = text.or(self.help.take());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl Diagnostic for Fault {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        (!self.labels.is_empty()).then_some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labels = self.labels.iter().map(|(span, text)| {
            let text = (!text.is_empty()).then(|| text.clone());
            LabeledSpan::new(text, span.start, span.len())
        });
        (!self.labels.is_empty()).then(|| Box::new(labels) as Box<dyn Iterator<Item = _>>)
    }
}

/// All that is wrong, in the order of files and lines; at least one is an error.
///
/// Its `Display` is the whole report with source lines and carets, without colour.
#[derive(Debug, Clone, serde::Serialize)]
#[serde(transparent)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Every fault, warnings among them.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.0.iter().filter(|fault| fault.severity == Severity::Error).count()
    }

    /// The report for a terminal.
    pub fn render(&self, theme: GraphicalTheme) -> String {
        render(&self.0, theme)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(GraphicalTheme::unicode_nocolor()))
    }
}

impl std::error::Error for Faults {}

impl Diagnostic for Faults {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new("configuration"))
    }
}

/// The report on some faults and a line that counts them, as `check` prints it.
pub fn render(faults: &[Fault], theme: GraphicalTheme) -> String {
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_context_lines(1)
        .with_width(REPORT_WIDTH)
        .with_links(false);
    let mut text = String::new();
    for fault in faults {
        let before = text.len();
        if handler.render_report(&mut text, fault).is_err() {
            text.truncate(before);
            let Fault { file, line, column, message, .. } = fault;
            let _ = writeln!(text, "{file}:{line}:{column}: {message}");
        }
        text.push('\n');
    }
    let errors = faults.iter().filter(|fault| fault.severity == Severity::Error).count();
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    text.push_str(&count(errors, "error"));
    text.push_str(", ");
    text.push_str(&count(faults.len() - errors, "warning"));
    text.push('\n');
    text
}

/// Bytes of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) span: Range<usize>,
}

/// The files that are being read, and what was found wrong in them.
#[derive(Debug, Default)]
pub(super) struct Sink {
    sources: Vec<(Arc<str>, Arc<str>)>,
    faults: Vec<Fault>,
    /// Where what stands for several begins, by file and byte.
    copied: BTreeSet<(usize, usize)>,
}

impl Sink {
    /// Adds a file; faults name it by the number given back.
    pub(super) fn source(&mut self, name: &str, text: &str) -> usize {
        self.sources.push((name.into(), text.into()));
        self.sources.len() - 1
    }

    /// Something that must be corrected.
    pub(super) fn error(&mut self, place: &Place, message: impl Into<String>) -> &mut Fault {
        self.add(Severity::Error, place, message.into())
    }

    /// Something that somebody should look at.
    pub(super) fn warning(&mut self, place: &Place, message: impl Into<String>) -> &mut Fault {
        self.add(Severity::Warning, place, message.into())
    }

    /// `file:line:column`, for a fault elsewhere that names this place.
    pub(super) fn cite(&self, place: &Place) -> String {
        let (name, text) = self.file(place.file);
        let (line, column) = position(&text, place.span.start);
        format!("{name}:{line}:{column}")
    }

    /// Name and line of a place.
    pub(super) fn line(&self, place: &Place) -> (String, usize) {
        let (name, text) = self.file(place.file);
        (name.to_string(), position(&text, place.span.start).0)
    }

    /// What begins here stands for several: what is wrong with all of them is said once.
    pub(super) fn copied(&mut self, file: usize, starts: impl IntoIterator<Item = usize>) {
        self.copied.extend(starts.into_iter().map(|start| (file, start)));
    }

    /// What was found: warnings if the files may be used, else everything.
    pub(super) fn finish(mut self) -> Result<Vec<Fault>, Faults> {
        self.faults.sort_by(|a, b| (a.order, &a.message).cmp(&(b.order, &b.message)));
        self.faults.dedup_by(|a, b| a.order == b.order && a.message == b.message);
        let copied = std::mem::take(&mut self.copied);
        let mut said = BTreeSet::new();
        self.faults.retain(|fault| {
            let label = fault.labels.first().map(|(_, label)| label.clone());
            !copied.contains(&fault.order) || said.insert((fault.order, fault.severity, label))
        });
        if self.has_errors() { Err(Faults(self.faults)) } else { Ok(self.faults) }
    }

    /// What was made of the files, if they may be used.
    pub(super) fn finish_with<T>(self, made: Option<T>) -> Result<T, Faults> {
        self.finish().map(|_| made.expect("what hinders the making is reported"))
    }

    /// Whether something must be corrected.
    pub(super) fn has_errors(&self) -> bool {
        self.faults.iter().any(|fault| fault.severity == Severity::Error)
    }

    fn file(&self, file: usize) -> (Arc<str>, Arc<str>) {
        self.sources.get(file).cloned().unwrap_or_else(|| ("".into(), "".into()))
    }

    fn add(&mut self, severity: Severity, place: &Place, message: String) -> &mut Fault {
        let (file, text) = self.file(place.file);
        let span = within(&text, &place.span);
        let (line, column) = position(&text, span.start);
        let order = (place.file, span.start);
        let labels = if text.is_empty() { Vec::new() } else { vec![(span, String::new())] };
        let fault = Fault {
            severity,
            line,
            column,
            message,
            help: None,
            labels,
            source: NamedSource::new(&*file, text),
            file: file.to_string(),
            order,
        };
        self.faults.push_mut(fault)
    }
}

/// The part of a span that lies in the text, begun and ended between characters.
fn within(text: &str, span: &Range<usize>) -> Range<usize> {
    let end = text.floor_char_boundary(span.end.min(text.len()));
    text.floor_char_boundary(span.start.min(end))..end
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..text.floor_char_boundary(offset)).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    (line, column)
}
