//! The merge, row by row of its table.

use std::sync::Arc;

use super::*;

fn seen(name: &str) -> SeenAttribute {
    SeenAttribute {
        name: Arc::from(name),
        description: None,
        class_name: Some(Arc::from("top")),
        data_type: DataType::String,
        plurality: Plurality::Multi,
        writability: Writability::ReadWrite,
    }
}

fn of(types: &[(&str, &[&str])]) -> SeenSchema {
    let of = |(name, attributes): &(&str, &[&str])| SeenType {
        name: Arc::from(*name),
        attributes: attributes.iter().map(|a| seen(a)).collect(),
    };
    SeenSchema {
        types: types.iter().map(of).collect(),
        complete: true,
        id_attributes: &["id", "dn", "uuid"],
        external_id: Some(Arc::from("id")),
        secondary_external_id: Some(Arc::from("dn")),
        warnings: Vec::new(),
    }
}

/// What a store would hold after the plan, ids given in order from where they left off.
fn applied(stored: &[StoredType], seen: &SeenSchema, plan: &Plan) -> Vec<StoredType> {
    let mut types: Vec<StoredType> = stored.iter().filter(|t| !plan.removed.contains(&t.id)).cloned().collect();
    let mut next = 1 + stored.iter().flat_map(|t| t.attributes.iter().map(|a| a.id).chain([t.id])).max().unwrap_or(0);
    for change in &plan.changes {
        let now = &seen.types[change.seen];
        let row = match change.row {
            TypeRef::Row(id) => types.iter_mut().find(|t| t.id == id).expect("a stored type"),
            TypeRef::New => {
                let name = now.name.as_ref().into();
                types.push(StoredType { id: next, name, selected: false, attributes: Vec::new() });
                next += 1;
                types.last_mut().expect("just added")
            }
        };
        row.name = now.name.as_ref().into();
        row.attributes.retain(|a| !change.removed.contains(&a.id));
        let refresh = |a: &mut StoredAttribute, now: &SeenAttribute| {
            a.name = now.name.as_ref().into();
            a.description = now.description.as_deref().map(Into::into);
            a.class_name = now.class_name.as_deref().map(Into::into);
            (a.data_type, a.plurality, a.writability) = (now.data_type, now.plurality, now.writability);
        };
        for (id, place) in &change.updated {
            refresh(row.attributes.iter_mut().find(|a| a.id == *id).expect("a stored one"), &now.attributes[*place]);
        }
        for addition in &change.added {
            let mut attribute = StoredAttribute {
                id: next,
                name: "".into(),
                description: None,
                class_name: None,
                data_type: DataType::Binary,
                plurality: Plurality::Single,
                writability: Writability::ReadOnly,
                selected: addition.external || addition.secondary,
                is_external_id: addition.external,
                is_secondary_external_id: addition.secondary,
            };
            refresh(&mut attribute, &now.attributes[addition.attribute]);
            row.attributes.push(attribute);
            next += 1;
        }
        for a in &mut row.attributes {
            a.is_external_id |= change.external == Some(a.id);
            a.is_secondary_external_id |= change.secondary == Some(a.id);
            a.selected |= a.is_locked();
        }
    }
    types
}

/// Imports, checks that a second import changes nothing, and returns what is stored then.
fn imported(stored: &[StoredType], seen: &SeenSchema) -> (Vec<StoredType>, Plan) {
    let first = plan(stored, seen);
    let after = applied(stored, seen, &first);
    let again = plan(&after, seen);
    assert!(again.changes.is_empty() && again.removed.is_empty(), "{again:?}");
    assert_eq!(again.counts.types, after.len());
    assert_eq!(again.counts.attributes, after.iter().map(|t| t.attributes.len()).sum::<usize>());
    assert_eq!((first.counts.types, first.counts.attributes), (again.counts.types, again.counts.attributes));
    for t in &after {
        let mut names: Vec<_> = t.attributes.iter().map(|a| &a.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), t.attributes.len());
    }
    (after, first)
}

fn attribute<'a>(types: &'a mut [StoredType], name: &str) -> &'a mut StoredAttribute {
    let (t, a) = name.split_once('.').expect("type.attribute");
    let found = types.iter_mut().find(|x| &*x.name == t).and_then(|x| x.attributes.iter_mut().find(|x| &*x.name == a));
    found.unwrap_or_else(|| panic!("{name} is not stored"))
}

fn start() -> Vec<StoredType> {
    imported(&[], &of(&[("user", &["id", "dn", "mail", "phone"]), ("group", &["id", "dn", "member"])])).0
}

#[test]
fn what_is_new_is_unselected_but_for_the_external_ids() {
    let (types, plan) = imported(&[], &of(&[("user", &["mail", "id", "dn"]), ("bare", &["cn"])]));
    assert_eq!(plan.summary(), "2 object types with 4 attributes: 2 types and 4 attributes added");
    let chosen: Vec<_> = types.iter().flat_map(|t| &t.attributes).filter(|a| a.selected).collect();
    assert_eq!(chosen.iter().map(|a| (&*a.name, a.is_external_id)).collect::<Vec<_>>(), [("id", true), ("dn", false)]);
    assert!(types.iter().all(|t| !t.selected) && plan.warnings.is_empty());
    assert_eq!(super::plan(&types, &of(&[("bare", &["cn"]), ("user", &["mail", "id", "dn"])])).summary(), {
        "2 object types with 4 attributes: no changes"
    });
}

#[test]
fn choices_survive_and_the_rest_is_refreshed() {
    let mut stored = start();
    attribute(&mut stored, "user.mail").selected = true;
    stored[0].selected = true;
    let mut now = of(&[("user", &["id", "dn", "mail", "phone"]), ("group", &["id", "dn", "member"])]);
    now.types[0].attributes[2] = SeenAttribute {
        description: Some(Arc::from("new words")),
        class_name: None,
        data_type: DataType::Integer,
        plurality: Plurality::Single,
        writability: Writability::ReadOnly,
        ..seen("mail")
    };
    let before = attribute(&mut stored, "user.mail").clone();
    let (mut after, plan) = imported(&stored, &now);
    assert_eq!(plan.summary(), "2 object types with 7 attributes: 1 attribute updated");
    let mail = attribute(&mut after, "user.mail");
    assert_eq!((mail.id, mail.selected, mail.data_type), (before.id, true, DataType::Integer));
    assert_eq!((mail.description.as_deref(), mail.class_name.as_deref()), (Some("new words"), None));
    assert!(after[0].selected);
}

#[test]
fn names_that_differ_in_case_alone_are_the_same_if_there_is_no_doubt() {
    let stored = start();
    let (after, plan) = imported(&stored, &of(&[("User", &["ID", "dn", "Mail"]), ("group", &["id", "dn", "member"])]));
    assert_eq!((after[0].id, &*after[0].name), (stored[0].id, "User"));
    assert_eq!(plan.counts.attributes_added, 0);
    assert_eq!(plan.counts.attributes_removed, 1, "the telephone");
    // Two that could be meant: neither is.
    let (after, plan) = imported(&stored, &of(&[("user", &["id", "dn", "MAIL", "Mail"])]));
    assert_eq!(plan.counts.attributes_added, 2);
    assert!(after[0].attributes.iter().all(|a| &*a.name != "mail"));
    // Equal text is the same whatever else there is.
    let (mut after, _) = imported(&stored, &of(&[("user", &["id", "dn", "MAIL", "mail", "Mail"])]));
    assert_eq!(attribute(&mut after, "user.mail").id, attribute(&mut stored.clone(), "user.mail").id);
}

#[test]
fn what_is_gone_goes_unless_somebody_chose_it() {
    let gone = of(&[("user", &["id", "dn"])]);
    let (after, plan) = imported(&start(), &gone);
    assert_eq!((after.len(), after[0].attributes.len()), (1, 2));
    assert_eq!(plan.summary(), "1 object type with 2 attributes: 1 type and 2 attributes removed");
    let choose: [fn(&mut [StoredType]); 4] = [
        |types| types[1].selected = true,
        |types| attribute(types, "group.member").selected = true,
        |types| {
            attribute(types, "group.id").is_external_id = false;
            attribute(types, "group.member").is_external_id = true;
            attribute(types, "group.member").selected = true;
        },
        |types| {
            attribute(types, "group.member").selected = true;
            attribute(types, "group.id").is_external_id = false;
        },
    ];
    for (case, choose) in choose.into_iter().enumerate() {
        let mut stored = start();
        choose(&mut stored);
        attribute(&mut stored, "user.mail").selected = true;
        let (after, plan) = imported(&stored, &gone);
        assert_eq!(after[1], stored[1], "case {case}: kept as it is");
        assert_eq!(after[0].attributes.len(), 3, "the telephone was not selected");
        let [types, attributes] = plan.warnings.as_slice() else { panic!("{:?}", plan.warnings) };
        assert!(types.starts_with("1 object type kept although no longer") && types.ends_with(": group"), "{types}");
        assert!(attributes.ends_with(": user.mail"), "{attributes}");
    }
}

#[test]
fn what_was_not_looked_at_is_not_gone() {
    let stored = start();
    for types in [vec![("user", &[][..])], vec![], vec![("user", &["id", "dn"][..])]] {
        let (after, plan) = imported(&stored, &SeenSchema { complete: false, ..of(&types) });
        assert_eq!((&after, plan.warnings.len()), (&stored, 0));
    }
    let (after, _) = imported(&stored, &of(&[("user", &[])]));
    assert_eq!(after, stored[..1], "a type of which nothing is known keeps its attributes, the other one is gone");
}

#[test]
fn external_ids_are_recommended_and_never_replaced() {
    let mut stored = start();
    attribute(&mut stored, "user.id").is_external_id = false;
    attribute(&mut stored, "user.mail").is_external_id = true;
    attribute(&mut stored, "group.id").is_external_id = false;
    let same = of(&[("user", &["id", "dn", "mail", "phone"]), ("group", &["id", "dn", "member"])]);
    let (mut after, _) = imported(&stored, &same);
    assert!(attribute(&mut after, "user.mail").is_external_id && !attribute(&mut after, "user.id").is_external_id);
    assert!(attribute(&mut after, "group.id").is_external_id, "a type without one gets it again");
    // An id attribute that is new in a stored type.
    let (mut stored, _) = imported(&[], &of(&[("user", &["mail"])]));
    stored[0].attributes[0].selected = true;
    let (mut after, _) = imported(&stored, &of(&[("user", &["mail", "id", "dn"])]));
    assert!(attribute(&mut after, "user.id").is_external_id && attribute(&mut after, "user.id").selected);
    assert!(attribute(&mut after, "user.dn").is_secondary_external_id);
}

#[test]
fn a_recommendation_that_changed_is_nobodys_choice() {
    let now = SeenSchema { external_id: Some(Arc::from("uuid")), ..of(&[("user", &["id", "dn", "uuid"])]) };
    let (after, plan) = imported(&start(), &now);
    assert_eq!((after.len(), plan.warnings.len()), (1, 0), "the group goes");
    assert!(after[0].attributes.iter().any(|a| &*a.name == "id" && a.is_external_id), "what is there stays as it is");
}

#[test]
fn a_repeated_name_is_one() {
    let (after, _) = imported(&[], &of(&[("user", &["id", "id", "dn", "mail", "mail"]), ("user", &["x"])]));
    assert_eq!((after.len(), after[0].attributes.len()), (1, 3));
}
