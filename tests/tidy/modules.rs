//! Which module of `src` uses which, read from the parsed source: `use` trees, paths in code and in macros.
//!
//! A module may use types of the modules that it lies in; that is how Rust folders look, and such an edge counts only
//! where the parent hands on something of another child.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{ImplItem, Item, ItemImpl, UseTree};

/// A module by its path, `["http", "wire", "body"]`.
pub type Module = Vec<String>;

/// What one file declares and mentions.
#[derive(Default)]
struct Source {
    /// Names that its `use` declarations bring in, with the paths behind them.
    names: BTreeMap<String, Vec<String>>,
    /// All paths that begin with `crate`, `self` or `super`, without the last two and relative to the root.
    paths: Vec<Vec<String>>,
    types: BTreeSet<String>,
    /// Types that have an `impl` of their own here.
    implemented: BTreeSet<String>,
}

/// The modules of the library and of the program, and who uses whom.
pub struct Modules {
    sources: BTreeMap<Module, Source>,
    pub edges: BTreeMap<Module, BTreeSet<Module>>,
}

impl Modules {
    /// Reads files by their path below `src`; those of unit tests must not be among them.
    pub fn read(files: &[(&Path, &str)]) -> Modules {
        let mut sources = BTreeMap::new();
        for (path, text) in files {
            let module = module_of(path);
            let file = syn::parse_file(text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let mut reader = Reader { module: module.clone(), source: Source::default() };
            reader.visit_file(&file);
            sources.insert(module, reader.source);
        }
        let mut modules = Modules { sources, edges: BTreeMap::new() };
        for (module, source) in &modules.sources {
            let mut used = BTreeSet::new();
            for path in source.paths.iter().chain(source.names.values()) {
                modules.resolve(path, &mut used, 0);
            }
            used.retain(|other| !module.starts_with(other));
            modules.edges.insert(module.clone(), used);
        }
        modules
    }

    /// The modules that a path leads to: where it ends, and where that has the name from.
    fn resolve(&self, path: &[String], found: &mut BTreeSet<Module>, depth: usize) {
        let Some(length) = (0..=path.len()).rev().find(|n| self.sources.contains_key(&path[..*n])) else { return };
        let (module, rest) = path.split_at(length);
        found.insert(module.to_vec());
        let handed_on = rest.first().and_then(|name| self.sources[module].names.get(name));
        if let Some(behind) = handed_on.filter(|_| depth < 4) {
            self.resolve(behind, found, depth + 1);
        }
    }

    /// Groups of modules that use each other in a circle.
    pub fn circles(&self) -> Vec<Vec<String>> {
        let reach: BTreeMap<&Module, BTreeSet<&Module>> = self.edges.keys().map(|m| (m, self.reachable(m))).collect();
        let mut circles = BTreeSet::new();
        for (module, reached) in &reach {
            let circle: Vec<String> =
                reached.iter().filter(|other| reach[**other].contains(*module)).map(|m| m.join("::")).collect();
            if !circle.is_empty() {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    fn reachable<'a>(&'a self, from: &'a Module) -> BTreeSet<&'a Module> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(module) = open.pop() {
            open.extend(self.edges.get(module).into_iter().flatten().filter(|next| reached.insert(*next)));
        }
        reached
    }

    /// Types with an `impl` of their own outside the file that declares them and the modules below it.
    pub fn strayed_impls(&self) -> Vec<String> {
        let mut strayed = Vec::new();
        for (module, source) in &self.sources {
            for name in &source.implemented {
                let declares = |n: &usize| self.sources.get(&module[..*n]).is_some_and(|s| s.types.contains(name));
                if !(0..=module.len()).any(|n| declares(&n)) {
                    strayed.push(format!("impl {name} in {}", module.join("::")));
                }
            }
        }
        strayed
    }
}

fn module_of(path: &Path) -> Module {
    let mut parts: Module = path.with_extension("").iter().map(|p| p.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib") {
        parts.pop();
    }
    parts
}

struct Reader {
    module: Module,
    source: Source,
}

impl Reader {
    /// A path relative to the root of the crate; `None` if it begins elsewhere.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let mut base = self.module.clone();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" | "jim" => base.clear(),
            "self" => {}
            "super" => drop(base.pop()?),
            _ => return None,
        }
        rest = &rest[1..];
        while rest.first().is_some_and(|part| part == "super") {
            base.pop();
            rest = &rest[1..];
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    fn note(&mut self, path: &[String]) {
        if let Some(path) = self.absolute(path) {
            self.source.paths.push(path);
        }
    }

    fn note_use(&mut self, tree: &UseTree, mut before: Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.note_use(&path.tree, before);
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.note_use(tree, before.clone())),
            UseTree::Glob(_) => self.note(&before),
            UseTree::Name(name) => self.note_name(before, name.ident.to_string(), name.ident.to_string()),
            UseTree::Rename(rename) => self.note_name(before, rename.ident.to_string(), rename.rename.to_string()),
        }
    }

    fn note_name(&mut self, mut path: Vec<String>, name: String, known_as: String) {
        if name != "self" {
            path.push(name);
        }
        let own = self.module.clone();
        // A child of this module, as in `pub use body::Body` beside `mod body`.
        let path = self.absolute(&path).unwrap_or_else(|| own.into_iter().chain(path).collect());
        self.source.names.insert(known_as, path);
    }

    /// Paths inside a macro are tokens: an identifier after `crate`, `self` or `super` and `::`.
    fn note_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if path.is_empty() || colons == 2 => {
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => colons += 1,
                other => {
                    self.note(&std::mem::take(&mut path));
                    colons = 0;
                    match other {
                        TokenTree::Group(group) => self.note_tokens(group.stream()),
                        TokenTree::Ident(ident) => path.push(ident.to_string()),
                        _ => {}
                    }
                }
            }
        }
        self.note(&path);
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| a.path().is_ident("cfg") && a.parse_args::<syn::Ident>().is_ok_and(|what| what == "test"))
}

impl<'a> Visit<'a> for Reader {
    fn visit_item(&mut self, item: &'a Item) {
        let attributes = match item {
            Item::Mod(m) => &m.attrs,
            Item::Fn(f) => &f.attrs,
            Item::Impl(i) => &i.attrs,
            Item::Use(u) => &u.attrs,
            _ => &Vec::new(),
        };
        if is_for_tests(attributes) {
            return;
        }
        match item {
            Item::Struct(s) => drop(self.source.types.insert(s.ident.to_string())),
            Item::Enum(e) => drop(self.source.types.insert(e.ident.to_string())),
            Item::Use(u) => self.note_use(&u.tree, Vec::new()),
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &'a ImplItem) {
        let attributes = if let ImplItem::Fn(f) = item { &f.attrs } else { &Vec::new() };
        if !is_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'a ItemImpl) {
        if let (None, syn::Type::Path(path)) = (&item.trait_, &*item.self_ty)
            && let Some(last) = path.path.segments.last()
        {
            self.source.implemented.insert(last.ident.to_string());
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
        self.note(&segments);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'a syn::Macro) {
        // A declaration by a macro, as in `request! { pub struct Name { .. } }`.
        let text = called.tokens.to_string();
        let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            if word == "struct" || word == "enum" {
                self.source.types.extend(words.next().map(str::to_owned));
            }
        }
        self.note_tokens(called.tokens.clone());
        visit::visit_macro(self, called);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(files: &[(&str, &str)]) -> Modules {
        let files: Vec<(&Path, &str)> = files.iter().map(|(path, text)| (Path::new(*path), *text)).collect();
        Modules::read(&files)
    }

    #[test]
    fn a_circle_is_found_however_it_is_written() {
        for (a, b, found) in [
            ("use crate::b::B;", "use crate::{c, a};", true),
            ("use crate::{b, c};", "fn f() { super::a::g() }", true),
            ("use super::b::B as Other;", "fn f() { g!(1, crate::a::X) }", true),
            ("fn f(_: crate::B) {}", "use crate::{a::{X, Y}, c};", true),
            ("use crate::b::B;", "use crate::c::C;", false),
            ("use crate::b::B;", "#[cfg(test)] mod tests { use crate::a::X; }", false),
            ("use crate::b::B;", "// use crate::a;\nconst TEXT: &str = \"crate::a\";", false),
        ] {
            let all = read(&[("lib.rs", "pub use b::B;"), ("a.rs", a), ("b/mod.rs", b), ("c.rs", "")]);
            assert_eq!(all.circles(), if found { vec![vec!["a", "b"]] } else { Vec::new() }, "{a} {b}");
        }
    }

    #[test]
    fn a_child_may_use_its_parent_and_not_a_sibling_through_it() {
        let parent = ("a/mod.rs", "pub use one::One;\npub struct Own;");
        let all = read(&[parent, ("a/one.rs", "use super::Own;"), ("a/two.rs", "use super::One;")]);
        assert!(all.circles().is_empty());
        let all = read(&[parent, ("a/one.rs", "use super::two::Two;"), ("a/two.rs", "use super::One;")]);
        assert_eq!(all.circles(), [["a::one", "a::two"]]);
    }

    #[test]
    fn an_impl_stands_with_its_type() {
        let own = ("a/mod.rs", "pub struct Own; impl Own {}");
        assert!(read(&[own, ("a/one.rs", "impl super::Own {}")]).strayed_impls().is_empty());
        assert_eq!(read(&[own, ("b.rs", "use crate::a::Own; impl Own {}")]).strayed_impls(), ["impl Own in b"]);
    }
}
