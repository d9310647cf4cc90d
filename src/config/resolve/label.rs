//! How the texts of code words are read: `match` and `parse`, and to which word each belongs.
use super::{Resolver, Table};
use crate::config::raw;
use crate::config::similar;
use crate::config::spot::{NameOr, Names, Spot};
use crate::model::ItemClass;
use crate::model::label::{CodeForm, Expression, GTIN, code_part};
use crate::model::plant::{LabelScope, ScopeFrom};

/// Forms of `parse`.
const FORMS: [&str; 1] = ["gs1"];
/// What other keys read from words of their own: a group with such a name would do nothing.
const OF_WORDS: [&str; 10] = [
    "quantity",
    "position",
    "time",
    "operation",
    "badge",
    "result",
    "carrier",
    "child",
    "members",
    "into",
];

/// How the text of a word is read, as it is written.
#[derive(Debug, Clone)]
pub(super) enum Written {
    Match(Spot<String>),
    Parse(Spot<String>),
}

/// What becomes of the parts of a label that are neither the code nor what it is unique within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// They are kept with the event.
    Kept,
    /// Rules look at the material.
    Material,
    /// Nothing.
    Lost,
}

/// A word of a table that holds a code.
#[derive(Debug, Clone)]
pub(super) struct CodeWord {
    /// The key that names it.
    pub(super) key: &'static str,
    /// Where its name stands.
    pub(super) at: usize,
    /// The scope of the code, if that is a word.
    pub(super) scope: Option<String>,
    pub(super) rest: Rest,
}

/// The words with codes of a table, as far as something is written of how they are read.
#[derive(Debug, Clone, Default)]
pub(super) struct Forms {
    of: Vec<(CodeWord, Written)>,
    /// Names that other words of the table have already.
    has: Vec<String>,
}

impl Forms {
    /// What is written of the word whose name stands here.
    fn written(&self, name: &Spot<String>) -> Option<&(CodeWord, Written)> {
        let here = name.span().start;
        self.of.iter().find(|(word, _)| word.at == here)
    }
}

/// `match` and `parse` of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct FormKeys<'a> {
    pub(super) matches: Option<&'a Spot<NameOr<raw::PerCode>>>,
    pub(super) parse: Option<&'a Spot<NameOr<raw::PerCode>>>,
}

type Make = fn(Spot<String>) -> Written;

impl Resolver<'_> {
    /// Finds the word that each `match` and `parse` is about, of those that hold codes.
    pub(super) fn forms(
        &mut self,
        t: &Table<'_>,
        keys: FormKeys<'_>,
        codes: &[CodeWord],
        has: Vec<String>,
    ) -> Forms {
        let mut forms = Forms { of: Vec::new(), has };
        let make: [(_, _, Make); 2] =
            [("match", keys.matches, Written::Match), ("parse", keys.parse, Written::Parse)];
        for (key, written, make) in make {
            let Some(written) = written else { continue };
            let of = match &**written {
                NameOr::Name(text) => {
                    let only = self.only_code(t, key, written, codes);
                    only.map(|code| vec![(code, written.with(text.clone()))]).unwrap_or_default()
                }
                NameOr::Table(table) => {
                    table.iter().map(|(code, text)| (code, text.clone())).collect()
                }
            };
            for (code, text) in of {
                let mut words = codes.iter().filter(|word| word.key == code).peekable();
                if words.peek().is_none() {
                    let all = keys_of(codes).into_iter();
                    let hint = similar::hint(code, "codes of this table", all);
                    self.error(t, text.span(), format!("`{}` reads no code as `{code}`", t.path))
                        .label("does nothing")
                        .help(hint);
                }
                for word in words {
                    if forms.of.iter().any(|(other, _)| other.at == word.at) {
                        self.error(
                            t,
                            text.span(),
                            format!("`match` and `parse` both say how `{code}` is read"),
                        )
                        .label("said twice")
                        .help("write one of them; `parse = \"gs1\"` needs no expression");
                        break;
                    }
                    forms.of.push((word.clone(), make(text.clone())));
                }
            }
        }
        forms
    }

    /// The same of a handshake.
    pub(super) fn forms_of(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Forms {
        let keys = FormKeys { matches: raw.r#match.as_ref(), parse: raw.parse.as_ref() };
        let mut has = given(&[
            ("product", &raw.product),
            ("material", &raw.material),
            ("supplier", &raw.supplier),
        ]);
        has.extend(raw.context.iter().map(|(name, _)| (**name).clone()));
        self.forms(t, keys, &codes_of(raw), has)
    }

    /// The one code of a table, where nothing says which is meant.
    fn only_code(
        &mut self,
        t: &Table<'_>,
        key: &str,
        written: &Spot<NameOr<raw::PerCode>>,
        codes: &[CodeWord],
    ) -> Option<&'static str> {
        match keys_of(codes).as_slice() {
            [only] => Some(only),
            [] => {
                self.error(t, written.span(), format!("`{}` reads no code that `{key}` could be of", t.path))
                    .label("does nothing")
                    .help("it belongs to a word with a code: `serial`, `lot`, `child`, `members` or `into`");
                None
            }
            [first, ..] => {
                let all = keys_of(codes).join("`, `");
                self.error(t, written.span(), format!("`{key}` does not say of which code it is"))
                    .label(format!("there are `{all}`"))
                    .help(format!("write `{key} = {{ {first} = \"…\" }}`"));
                None
            }
        }
    }

    /// How a code of this class is read from a word.
    pub(super) fn code_form(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        class: ItemClass,
    ) -> Option<CodeForm> {
        match t.forms.and_then(|forms| forms.written(name)) {
            None => Some(CodeForm::Plain),
            Some((_, Written::Parse(form))) if form.as_str() == "gs1" => Some(CodeForm::Gs1),
            Some((_, Written::Parse(form))) => {
                self.error(t, form.span(), format!("`{}` is not a form of codes", **form))
                    .label("not a form")
                    .help(similar::hint(form, "forms", FORMS));
                None
            }
            Some((word, Written::Match(text))) => self.expression(t, text, class, word),
        }
    }

    fn expression(
        &mut self,
        t: &Table<'_>,
        text: &Spot<String>,
        class: ItemClass,
        word: &CodeWord,
    ) -> Option<CodeForm> {
        let found = Expression::parse(text).map_err(|fault| {
            self.error(t, text.span(), format!("`match` is not a regular expression: {fault}"))
                .label("cannot be compiled")
                .help("backslashes are doubled in \"…\"; '…' takes them as they stand: '^(?P<serial>SN-\\d+)$'");
        });
        let found = found.ok()?;
        let code = code_part(class);
        let groups: Vec<&str> = found.groups().collect();
        if !groups.contains(&code) {
            let slip =
                groups.iter().copied().find(|group| similar::nearest(group, [code]).is_some());
            let help = match slip {
                Some(group) => format!("did you mean `{code}`? (there is a group `{group}`)"),
                None => format!("write `(?P<{code}>…)` around the code; the whole text must match"),
            };
            self.error(t, text.span(), format!("`match` has no group `{code}`"))
                .label("where is the code?")
                .help(help);
            return None;
        }
        let mut good = true;
        for group in groups.iter().copied().filter(|group| *group != code) {
            good &= self.group(t, text, group, word);
        }
        good.then_some(CodeForm::Match(found))
    }

    /// A group that is not the code: it has to be good for something.
    fn group(&mut self, t: &Table<'_>, text: &Spot<String>, group: &str, word: &CodeWord) -> bool {
        let within = [LabelScope::Product, LabelScope::Material, LabelScope::Supplier]
            .map(LabelScope::as_str);
        let known: Vec<&str> =
            within.into_iter().chain([GTIN, "serial", "lot", "container"]).collect();
        if OF_WORDS.contains(&group) {
            self.error(t, text.span(), format!("group `{group}` of `match` is no part of a label"))
                .label("does nothing")
                .help(format!("write `{group} = …` with a word of its own, or give the group another name to keep it"));
            return false;
        }
        if !known.contains(&group)
            && let Some(meant) = similar::nearest(group, known.iter().copied())
        {
            self.error(t, text.span(), format!("`match` has a group `{group}`"))
                .label("not a part of a label")
                .help(format!(
                    "did you mean `{meant}`? A group that is only kept needs a name less like it"
                ));
            return false;
        }
        if t.forms.is_some_and(|forms| forms.has.iter().any(|has| has == group)) {
            self.error(
                t,
                text.span(),
                format!("`{group}` is a word of this table, and a group of `match`"),
            )
            .label("said twice")
            .help("write one of them");
            return false;
        }
        let scope = word.scope.as_deref();
        let asked = scope == Some(group) || (scope == Some("gs1") && group == GTIN);
        let told = match word.rest {
            Rest::Kept => true,
            Rest::Material => group == LabelScope::Material.as_str(),
            Rest::Lost => false,
        };
        if !told && !asked {
            self.error(t, text.span(), format!("group `{group}` of `match` is not recorded here"))
                .label("does nothing")
                .help("only the code and what it is unique within are; write `(?:…)` for a group without a name");
            return false;
        }
        true
    }
}

/// Where a code is unique, if the name of that stands on the same label.
pub(super) fn scope_on_label(form: &CodeForm, scope: &str) -> Option<ScopeFrom> {
    let CodeForm::Match(expression) = form else { return None };
    let within = [LabelScope::Product, LabelScope::Material, LabelScope::Supplier];
    let within = within.into_iter().find(|within| within.as_str() == scope)?;
    expression.groups().any(|group| group == scope).then_some(ScopeFrom::Label(within))
}

/// The keys, each once.
fn keys_of(codes: &[CodeWord]) -> Vec<&'static str> {
    let mut keys: Vec<&'static str> = codes.iter().map(|word| word.key).collect();
    keys.dedup();
    keys
}

/// A scope that is a word.
pub(super) fn scope_word(scope: Option<&Spot<NameOr<raw::Fixed>>>) -> Option<String> {
    match scope.map(|scope| &**scope) {
        Some(NameOr::Name(name)) => Some(name.clone()),
        Some(NameOr::Table(_)) | None => None,
    }
}

/// The words with codes of a handshake.
fn codes_of(raw: &raw::Handshake) -> Vec<CodeWord> {
    let own = scope_word(raw.scope.as_ref());
    // Beside a lot the scope is the lot's.
    let of_unit = own.clone().filter(|_| raw.lot.is_none());
    let into = raw.into.as_ref();
    let into_scope = scope_word(into.and_then(|into| into.scope.as_ref()));
    let into = into.and_then(|i| i.lot.as_ref().or(i.serial.as_ref()).or(i.container.as_ref()));
    let named = [
        ("serial", raw.serial.as_ref(), of_unit),
        ("lot", raw.lot.as_ref(), own),
        ("child", raw.child.as_ref(), None),
        ("into", into, into_scope),
    ];
    let word = |(key, name, scope): (_, Option<&Spot<String>>, _)| {
        let name = name.filter(|name| !name.starts_with('@'))?;
        Some(CodeWord { key, at: name.span().start, scope, rest: Rest::Kept })
    };
    let members = match raw.members.as_ref() {
        Some(members) => match &**members {
            Names::One(_) => vec![members.span().start],
            Names::Many(all) => all.iter().map(|name| name.span().start).collect(),
        },
        None => Vec::new(),
    };
    let member = |at| CodeWord { key: "members", at, scope: None, rest: Rest::Lost };
    named.into_iter().filter_map(word).chain(members.into_iter().map(member)).collect()
}

/// The names of the words that are there, of those that a label could have as well.
pub(super) fn given(words: &[(&str, &Option<Spot<String>>)]) -> Vec<String> {
    words.iter().filter(|(_, word)| word.is_some()).map(|(name, _)| (*name).to_owned()).collect()
}
