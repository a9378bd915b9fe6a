//! Schemas: definitions of all sorts, a line each, held against a second, plain statement of what they mean.

use std::collections::{BTreeMap, BTreeSet};

use jim::connectors::ldap::schema::bounds::Bounds;
use jim::connectors::ldap::schema::definition::{Broken, ClassKind, Definition};
use jim::connectors::ldap::schema::object_types;
use jim::connectors::ldap::schema::subschema::{Definitions, model};
use jim::domain::schema::{DataType, Plurality, SeenAttribute, SeenType, Writability};

/// Attributes that servers need not declare: `subschema` knows them.
const OF_THE_SERVER: [(&str, &str); 8] = [
    ("subtreespecification", "2.5.18.6"),
    ("ditstructurerules", "2.5.21.1"),
    ("ditcontentrules", "2.5.21.2"),
    ("matchingrules", "2.5.21.4"),
    ("attributetypes", "2.5.21.5"),
    ("objectclasses", "2.5.21.6"),
    ("nameforms", "2.5.21.7"),
    ("matchingruleuse", "2.5.21.8"),
];

/// Definitions by what they define: the first letter of a line says which.
#[derive(Default)]
struct Lines {
    classes: Vec<Vec<u8>>,
    attributes: Vec<Vec<u8>>,
    rules: Vec<Vec<u8>>,
    syntaxes: Vec<Vec<u8>>,
}

impl Lines {
    fn of(data: &[u8]) -> Lines {
        let mut lines = Lines::default();
        for line in data.split(|b| *b == b'\n') {
            let Some((first, definition)) = line.split_first() else { continue };
            let list = match first {
                b'a' => &mut lines.attributes,
                b'r' => &mut lines.rules,
                b's' => &mut lines.syntaxes,
                _ => &mut lines.classes,
            };
            list.push(definition.to_vec());
        }
        lines
    }

    fn definitions(&self) -> Definitions<'_> {
        let Lines { classes, attributes, rules, syntaxes } = self;
        Definitions { classes, attributes, rules, syntaxes }
    }
}

/// Reads the definitions and checks what comes of them.
///
/// # Panics
/// Where it is not what it should be.
pub fn check(data: &[u8]) {
    alone(data);
    let lines = Lines::of(data);
    for auxiliary in [false, true] {
        let types = read(&lines, auxiliary, Bounds::default()).expect("a short text is within all limits");
        let plain = plainly(&lines, auxiliary);
        let found: BTreeMap<String, BTreeSet<String>> = types.iter().map(names).collect();
        assert_eq!(found.len(), types.len(), "each type once");
        assert_eq!(found, plain);
        // Less room: all of it, or nothing.
        let few =
            Bounds { classes: 4, attributes: 16, rows: 12, names: 40, mentions: 12, steps: 40, ..Bounds::default() };
        if let Some(fewer) = read(&lines, auxiliary, few) {
            assert_eq!(fewer, types);
            assert!(types.iter().map(|t| t.attributes.len()).sum::<usize>() <= few.rows);
        }
        // Shorter texts: more is broken, and nothing else happens.
        let short = Bounds { definition: 60, name: 8, description: 4, ..Bounds::default() };
        let shorter = read(&lines, auxiliary, short).expect("within all limits");
        let kept = |text: &str, most: usize| text.chars().count() <= most;
        assert!(shorter.iter().all(|t| kept(&t.name, 8)));
        let mut attributes = shorter.iter().flat_map(|t| &t.attributes).filter(|a| a.class_name.is_some());
        let server = |name: &str| OF_THE_SERVER.iter().any(|(known, _)| name.eq_ignore_ascii_case(known));
        assert!(attributes.all(|a| {
            (kept(&a.name, 8) || server(&a.name)) && a.description.as_deref().is_none_or(|text| kept(text, 4))
        }));
    }
}

/// One definition, and the same over and over: what takes more time than in proportion shows itself.
fn alone(data: &[u8]) {
    for text in [data.to_vec(), data.repeat(64), [b"( 1.2 NAME 'a' ", data].concat()] {
        match Definition::parse(&text, 100_000, 256) {
            Ok(definition) => assert!(!definition.name().trim().is_empty() && !definition.oid.trim().is_empty()),
            Err(Broken(name)) => assert!(name.chars().count() <= 40, "{name:?}"),
        }
        assert!(Definition::parse(&text, text.len().saturating_sub(1), 256).is_err());
    }
}

/// What the program makes of it; `None` if that is too much.
fn read(lines: &Lines, auxiliary: bool, bounds: Bounds) -> Option<Vec<SeenType>> {
    let mut model = model(lines.definitions(), auxiliary, bounds).ok()?;
    let added = SeenAttribute {
        name: "id".into(),
        description: None,
        class_name: None,
        data_type: DataType::Guid,
        plurality: Plurality::Single,
        writability: Writability::ReadOnly,
    };
    let types = object_types(&mut model, &[added]).ok()?;
    for seen in &types {
        let folded: BTreeSet<String> = seen.attributes.iter().map(|a| a.name.to_lowercase()).collect();
        assert_eq!(folded.len(), seen.attributes.len(), "each attribute of {} once", seen.name);
        assert!(folded.contains("id"));
    }
    let warnings = model.findings.warnings(str::to_owned);
    assert!(warnings.len() <= 8 && warnings.iter().all(|w| w.chars().count() < 1_500), "{warnings:?}");
    Some(types)
}

/// A type and its attributes, folded.
fn names(seen: &SeenType) -> (String, BTreeSet<String>) {
    (seen.name.to_lowercase(), seen.attributes.iter().map(|a| a.name.to_lowercase()).collect())
}

/// Something with names: the first that has a name keeps it.
struct Named<'a> {
    by: BTreeMap<String, usize>,
    all: Vec<(String, Definition<'a>)>,
}

impl<'a> Named<'a> {
    fn of(values: &'a [Vec<u8>]) -> Named<'a> {
        let mut named = Named { by: BTreeMap::new(), all: Vec::new() };
        for definition in values.iter().filter_map(|v| Definition::parse(v, 64 * 1024, 256).ok()) {
            let name = definition.name().trim().to_lowercase();
            if !named.by.contains_key(&name) {
                let further = definition.names.iter().map(|n| n.trim().to_lowercase());
                for called in further.chain([definition.oid.to_lowercase()]) {
                    named.by.entry(called).or_insert(named.all.len());
                }
                named.all.push((name, definition));
            }
        }
        named
    }
}

/// Every type with the set of its attributes: whatever its class, its superclasses, the auxiliary classes of its rule
/// and their superclasses name, less what the rule precludes.
fn plainly(lines: &Lines, auxiliary: bool) -> BTreeMap<String, BTreeSet<String>> {
    let (classes, attributes) = (Named::of(&lines.classes), Named::of(&lines.attributes));
    let rules: Vec<Definition<'_>> =
        lines.rules.iter().filter_map(|v| Definition::parse(v, 64 * 1024, 256).ok()).filter(|r| !r.obsolete).collect();
    let own_name = |mention: &&str| {
        let folded = mention.to_lowercase();
        let server = |(name, oid): &&(&str, &str)| folded == *name || folded == *oid;
        match attributes.by.get(&folded) {
            Some(at) => Some(attributes.all[*at].0.clone()),
            None if attributes.all.is_empty() => None,
            None => OF_THE_SERVER
                .iter()
                .find(server)
                .filter(|(name, _)| !attributes.by.contains_key(*name))
                .map(|(name, _)| (*name).to_owned()),
        }
    };
    let mut types = BTreeMap::new();
    for (at, (name, class)) in classes.all.iter().enumerate() {
        let kind = class.kind.unwrap_or(ClassKind::Structural);
        if class.obsolete || kind == ClassKind::Abstract || (kind == ClassKind::Auxiliary && !auxiliary) {
            continue;
        }
        let rule = rules.iter().find(|r| classes.by.get(&r.oid.to_lowercase()) == Some(&at));
        let (mut reached, mut open) = (BTreeSet::from([at]), vec![at]);
        let mut also = rule.map(|r| r.auxiliaries.clone()).unwrap_or_default();
        while let Some(next) = open.pop() {
            also.extend(&classes.all[next].1.superiors);
            for above in also.drain(..).filter_map(|n| classes.by.get(&n.to_lowercase())) {
                if reached.insert(*above) {
                    open.push(*above);
                }
            }
        }
        let mut has: BTreeSet<String> =
            reached.iter().flat_map(|c| &classes.all[*c].1.attributes).filter_map(own_name).collect();
        if let Some(rule) = rule {
            has.extend(rule.attributes.iter().filter_map(own_name));
            for gone in rule.precluded.iter().filter_map(own_name) {
                has.remove(&gone);
            }
        }
        has.insert("id".to_owned());
        types.insert(name.clone(), has);
    }
    types
}
