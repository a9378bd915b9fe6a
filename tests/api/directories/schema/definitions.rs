//! A plain reading of a subschema: definitions cut at blanks, classes followed by recursion.

use std::collections::{BTreeMap, BTreeSet};

use super::{Found, Types};

/// A definition as a list of words; quoted texts begin with a quote.
struct Words(Vec<String>);

impl Words {
    fn of(definition: &str) -> Words {
        let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
        for c in definition.chars() {
            match c {
                '\'' => {
                    quoted = !quoted;
                    if quoted {
                        word.push('\'');
                    } else {
                        words.push(std::mem::take(&mut word));
                    }
                }
                '(' | ')' | '$' | ' ' if !quoted => {
                    words.push(std::mem::take(&mut word));
                    words.push(c.to_string());
                }
                c => word.push(c),
            }
        }
        words.retain(|w| !w.trim().is_empty() && w != "$");
        Words(words)
    }

    fn has(&self, keyword: &str) -> bool {
        self.0.iter().any(|w| w == keyword)
    }

    /// What stands behind a keyword: one word, or all in parentheses.
    fn behind(&self, keyword: &str) -> Vec<String> {
        let Some(at) = self.0.iter().position(|w| w == keyword) else { return Vec::new() };
        let rest = &self.0[at + 1..];
        let bare = |w: &String| w.trim_start_matches('\'').to_owned();
        match rest[0].as_str() {
            "(" => rest[1..].iter().take_while(|w| *w != ")").map(bare).collect(),
            _ => vec![bare(&rest[0])],
        }
    }
}

struct Class {
    words: Words,
    name: String,
}

/// The types that a subschema declares, with these attributes in each of them besides.
pub fn types(subschema: &Found, auxiliary: bool, added: &[&str]) -> Types {
    let read = |list: &str| subschema[list].iter().map(|text| Words::of(text)).collect::<Vec<_>>();
    let mut attributes: BTreeMap<String, String> = BTreeMap::new();
    for words in read("attributetypes") {
        let names = words.behind("NAME");
        for name in &names {
            attributes.insert(name.to_lowercase(), names[0].clone());
        }
    }
    let mut classes: BTreeMap<String, Class> = BTreeMap::new();
    let all: Vec<(Vec<String>, Words)> =
        read("objectclasses").into_iter().map(|words| (words.behind("NAME"), words)).collect();
    for (names, words) in &all {
        for name in names {
            let class = Class { words: Words(words.0.clone()), name: names[0].clone() };
            classes.insert(name.to_lowercase(), class);
        }
    }
    let mut types = Types::new();
    for (names, words) in &all {
        if words.has("ABSTRACT") || words.has("OBSOLETE") || (words.has("AUXILIARY") && !auxiliary) {
            continue;
        }
        let mut found = BTreeSet::new();
        collect(&classes, &names[0], &mut found);
        // A server need not declare what only it writes.
        let mut found: BTreeSet<String> =
            found.iter().map(|name| attributes.get(&name.to_lowercase()).unwrap_or(name).clone()).collect();
        for name in added {
            if !found.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                found.insert((*name).to_owned());
            }
        }
        types.insert(names[0].clone(), found);
    }
    types
}

fn collect(classes: &BTreeMap<String, Class>, class: &str, into: &mut BTreeSet<String>) {
    let Class { words, name } = &classes[&class.to_lowercase()];
    into.extend(words.behind("MUST"));
    into.extend(words.behind("MAY"));
    for above in words.behind("SUP").iter().filter(|above| *above != name) {
        collect(classes, above, into);
    }
}
