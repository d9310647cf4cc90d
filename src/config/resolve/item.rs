//! Items: where a code comes from and where it is unique.
use super::label::scope_on_label;
use super::word::Use;
use super::{Resolver, Table};
use crate::config::raw;
use crate::config::similar;
use crate::config::spot::{NameOr, Spot};
use crate::model::label::CodeForm;
use crate::model::plant::{CodeFrom, CodeSpec, ScopeFrom, Word};
use crate::model::{ItemClass, Scope, ScopeName};

/// Codes that are none, where nothing is said.
const NO_READ: [&str; 2] = ["", "NOREAD"];

/// The keys of a table by which a scope is named.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ScopeKeys<'a> {
    pub(super) scope: Option<&'a Spot<NameOr<raw::Fixed>>>,
    pub(super) product: Option<&'a Spot<String>>,
    pub(super) material: Option<&'a Spot<String>>,
    pub(super) supplier: Option<&'a Spot<String>>,
}

impl Resolver<'_> {
    /// Where codes of a class are unique. Units and containers: the site unless said.
    pub(super) fn scope(
        &mut self,
        t: &Table<'_>,
        code: &Spot<String>,
        class: ItemClass,
        keys: ScopeKeys<'_>,
        (use_, form): (Use, &CodeForm),
    ) -> Option<ScopeFrom> {
        let Some(raw) = keys.scope else {
            if *form == CodeForm::Gs1 {
                return Some(ScopeFrom::Gs1);
            }
            if class != ItemClass::Lot {
                return Some(ScopeFrom::Site);
            }
            if !self.lacks(t, "scope", keys.scope) {
                return None;
            }
            self.error(t, code.span(), format!("`{}` has a lot without a scope", t.path))
                .label("where is this code unique?")
                .help(
                    "two suppliers' lot 0001 are two lots: write `scope = \"supplier\"` with the \
                     word `supplier`, or `scope = \"site\"` if your own labels are read",
                );
            return None;
        };
        match &**raw {
            NameOr::Table(fixed) => self.fixed_scope(t, raw, fixed, class),
            NameOr::Name(name) => {
                self.named_scope(t, &raw.with(name.clone()), class, keys, (use_, form))
            }
        }
    }

    fn named_scope(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        class: ItemClass,
        keys: ScopeKeys<'_>,
        (use_, form): (Use, &CodeForm),
    ) -> Option<ScopeFrom> {
        let (key, from): (_, fn(Word) -> ScopeFrom) = match name.as_str() {
            "site" => return Some(ScopeFrom::Site),
            "gs1" => return Some(ScopeFrom::Gs1),
            "product" if class != ItemClass::Container => (keys.product, ScopeFrom::Product),
            "material" if class == ItemClass::Lot => (keys.material, ScopeFrom::Material),
            "supplier" if class == ItemClass::Lot => (keys.supplier, ScopeFrom::Supplier),
            _ => {
                let valid = scopes(class);
                let hint = similar::hint(name, "scopes here", valid.iter().copied());
                self.error(
                    t,
                    name.span(),
                    format!("`{}` is not a scope of {}", **name, many(class)),
                )
                .label("not a scope")
                .help(hint);
                return None;
            }
        };
        let Some(key) = key else {
            if let Some(from) = scope_on_label(form, name) {
                return Some(from);
            }
            self.error(
                t,
                name.span(),
                format!("`scope` names `{}`, which this table has not", **name),
            )
            .label(format!("no `{}` here", **name))
            .help(format!("write `{} = …` with the word that says it", **name));
            return None;
        };
        self.word(t, key, use_).map(from)
    }

    fn fixed_scope(
        &mut self,
        t: &Table<'_>,
        raw: &Spot<NameOr<raw::Fixed>>,
        fixed: &raw::Fixed,
        class: ItemClass,
    ) -> Option<ScopeFrom> {
        let raw::Fixed { product, material, supplier } = fixed;
        let (name, scope): (_, fn(ScopeName) -> Scope) = match (product, material, supplier) {
            (Some(name), None, None) if class != ItemClass::Container => (name, Scope::Product),
            (None, Some(name), None) if class == ItemClass::Lot => (name, Scope::Material),
            (None, None, Some(name)) if class == ItemClass::Lot => (name, Scope::Supplier),
            _ => {
                self.error(t, raw.span(), format!("this is not a scope of {}", many(class)))
                    .label("wanted one name")
                    .help(
                        "write `scope = { supplier = \"ACME\" }`, or one of product and material",
                    );
                return None;
            }
        };
        let name = self.name(t, name, ScopeName::parse)?;
        Some(ScopeFrom::Fixed(scope(name)))
    }

    /// A code that is read from a word.
    pub(super) fn code(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        class: ItemClass,
        keys: ScopeKeys<'_>,
        no_read: Vec<String>,
        use_: Use,
    ) -> Option<CodeSpec> {
        let from = if name.starts_with('@') {
            self.error(t, name.span(), format!("`{}` cannot stand here", **name))
                .label("a word is wanted");
            None
        } else {
            let word = self.word(t, name, use_);
            let code = word.map(|word| (word.tag, t.place(name.span()), t.path.clone()));
            self.codes.extend(code);
            word.map(CodeFrom::Word)
        };
        let scope_use = if use_ == Use::Code { Use::Snapshot } else { use_ };
        let form = self.code_form(t, name, class)?;
        let scope = self.scope(t, name, class, keys, (scope_use, &form));
        Some(CodeSpec { class, from: from?, scope: scope?, no_read, form })
    }

    /// Refuses `supplier` and the like where no scope asks for them.
    pub(super) fn idle_scope_word(
        &mut self,
        t: &Table<'_>,
        key: &str,
        word: Option<&Spot<String>>,
        scopes: &[Option<&Spot<NameOr<raw::Fixed>>>],
    ) {
        let asked = scopes.iter().flatten().any(|scope| match &***scope {
            NameOr::Name(name) => name == key,
            NameOr::Table(_) => false,
        });
        if let Some(word) = word.filter(|_| !asked) {
            self.error(t, word.span(), format!("`{key}` is not recorded here"))
                .label("does nothing")
                .help(format!("it is read only for `scope = \"{key}\"`"));
        }
    }
}

/// Codes that are none.
pub(super) fn no_read(raw: Option<&Vec<Spot<String>>>) -> Vec<String> {
    match raw {
        Some(list) => list.iter().map(|code| (**code).clone()).collect(),
        None => NO_READ.map(str::to_owned).to_vec(),
    }
}

/// The unit last presented at the station.
pub(super) fn current() -> CodeSpec {
    CodeSpec {
        class: ItemClass::Unit,
        from: CodeFrom::Current,
        scope: ScopeFrom::Site,
        no_read: Vec::new(),
        form: CodeForm::Plain,
    }
}

fn scopes(class: ItemClass) -> &'static [&'static str] {
    match class {
        ItemClass::Unit => &["site", "gs1", "product"],
        ItemClass::Lot => &["site", "gs1", "product", "material", "supplier"],
        ItemClass::Container => &["site", "gs1"],
    }
}

fn many(class: ItemClass) -> &'static str {
    match class {
        ItemClass::Unit => "units",
        ItemClass::Lot => "lots",
        ItemClass::Container => "containers",
    }
}
