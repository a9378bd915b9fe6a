//! Where a row holds what is selected: fields of the types, their external ids and attributes.

use std::collections::HashMap;

use csv::StringRecord;

use crate::connectors::file::culture::Culture;
use crate::connectors::file::header::{Header, Shape};
use crate::connectors::file::settings::{FileSettings, Types};
use crate::domain::connector_space::{ImportScope, RowId, ScopeAttribute, ScopeType};
use crate::domain::schema::{DataType, Plurality};
use crate::domain::text::{count, fold};

/// Columns that a message names.
const MAX_NAMED: usize = 10;

pub(super) struct Layout {
    pub header: Header,
    pub types: Vec<TypeFields>,
    pub object_type: TypeCell,
    /// Names of the declared types that are not selected.
    pub unselected: Vec<Box<str>>,
    pub value_delimiter: Option<String>,
    pub culture: Culture,
    /// Columns that no selected attribute reads.
    pub unused_columns: usize,
}

pub(super) struct TypeFields {
    pub id: RowId,
    pub name: Box<str>,
    pub external_id: AttributeFields,
    /// Ascending by id, with the external id.
    pub attributes: Vec<AttributeFields>,
}

#[derive(Debug, Clone)]
pub(super) struct AttributeFields {
    pub id: RowId,
    pub name: Box<str>,
    pub data_type: DataType,
    pub plurality: Plurality,
    pub fields: Vec<usize>,
}

/// What says the type of a row.
pub(super) enum TypeCell {
    /// Index in [`Layout::types`].
    Fixed(usize),
    Column {
        field: usize,
        name: String,
        names: TypeNames,
    },
}

/// Type of a row by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypeOf {
    /// Index in [`Layout::types`].
    Selected(usize),
    /// Index in [`Layout::unselected`].
    Unselected(usize),
}

/// Types by name: equal text, else ignoring case where only one is meant.
pub(super) struct TypeNames {
    exact: HashMap<Box<str>, TypeOf>,
    folded: HashMap<String, Option<TypeOf>>,
}

impl TypeNames {
    fn of(all: impl IntoIterator<Item = (Box<str>, TypeOf)>) -> TypeNames {
        let exact: HashMap<Box<str>, TypeOf> = all.into_iter().collect();
        let mut folded = HashMap::new();
        for (name, found) in &exact {
            folded.entry(fold(name)).and_modify(|one| *one = None).or_insert(Some(*found));
        }
        TypeNames { exact, folded }
    }

    pub(super) fn find(&self, name: &str) -> Option<TypeOf> {
        self.exact.get(name).copied().or_else(|| self.folded.get(&fold(name)).copied().flatten())
    }
}

/// Errors continue the file's name.
impl Layout {
    pub(super) fn of(header: Header, settings: &FileSettings, scope: &ImportScope) -> Result<Layout, String> {
        let selected = |name: &str| scope.types.iter().any(|t| *t.name == *name);
        let unselected: Vec<Box<str>> = scope.other_types.iter().filter(|name| !selected(name)).cloned().collect();
        let all = scope.types.iter().enumerate().map(|(n, t)| (t.name.clone(), TypeOf::Selected(n)));
        let others = unselected.iter().enumerate().map(|(n, name)| (name.clone(), TypeOf::Unselected(n)));
        let names = TypeNames::of(all.chain(others));
        let (object_type, types) = match &settings.types {
            Types::Fixed(name) => (TypeCell::Fixed(0), fixed_type(name, &names, scope)?),
            Types::Column(name) => {
                let field = header.type_field(name)?;
                (TypeCell::Column { field, name: name.clone(), names }, scope.types.iter().collect())
            }
        };
        let types = types.into_iter().map(|t| TypeFields::of(t, &header)).collect::<Result<Vec<_>, _>>()?;
        let reads = |field: &usize| types.iter().any(|t| t.attributes.iter().any(|a| a.fields.contains(field)));
        let read = (0..header.names().len()).filter(|place| header.fields(*place).iter().any(reads)).count();
        Ok(Layout {
            unused_columns: header.names().len() - read,
            value_delimiter: settings.value_delimiter.clone(),
            culture: settings.culture,
            header,
            types,
            object_type,
            unselected,
        })
    }

    /// Fields of the external id, if all types have it in the same column.
    pub(super) fn common_id(&self) -> Option<&AttributeFields> {
        let (first, rest) = self.types.split_first()?;
        rest.iter().all(|t| t.external_id.fields == first.external_id.fields).then_some(&first.external_id)
    }

    pub(super) fn shape(&self, row: &StringRecord) -> Shape {
        self.header.shape(row)
    }
}

/// The one type of the file, which has to be selected: else every object of the others would seem to be missing.
fn fixed_type<'s>(name: &str, names: &TypeNames, scope: &'s ImportScope) -> Result<Vec<&'s ScopeType>, String> {
    let found = names.find(name);
    let selected = match found {
        Some(TypeOf::Selected(n)) => scope.types.get(n),
        _ => None,
    };
    selected.map(|found| vec![found]).ok_or_else(|| match found {
        Some(_) => format!(": all rows are of Object Type {name:?}, which is not selected"),
        None => format!(": all rows are of Object Type {name:?}, which is not in the schema; import the schema"),
    })
}

impl TypeFields {
    fn of(scope: &ScopeType, header: &Header) -> Result<TypeFields, String> {
        let mut attributes = Vec::with_capacity(scope.attributes.len());
        let mut lacking = Vec::new();
        for attribute in &scope.attributes {
            match place_of(attribute, scope, header) {
                Some(place) => attributes.push(AttributeFields::of(attribute, header.fields(place))),
                None => lacking.push(format!("{:?}", attribute.name)),
            }
        }
        if !lacking.is_empty() {
            return Err(lacking_error(&lacking, scope, header));
        }
        attributes.sort_unstable_by_key(|a| a.id);
        let id = scope.external_id().and_then(|id| attributes.iter().find(|a| a.id == id.id));
        let external_id =
            id.ok_or_else(|| format!(": the object type {} has no external id; choose one", scope.name))?;
        Ok(TypeFields { id: scope.id, name: scope.name.clone(), external_id: external_id.clone(), attributes })
    }
}

fn lacking_error(lacking: &[String], scope: &ScopeType, header: &Header) -> String {
    let named = lacking.get(..MAX_NAMED).unwrap_or(lacking).join(", ");
    let more = lacking.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(" and {}", count(more, "other")) } else { String::new() };
    let (shown, hint) = (header.shown(), if header.width() == 1 { "; is Delimiter right?" } else { "" });
    format!(" has no column {named}{more}, selected of {}, but {shown}{hint}", scope.name)
}

impl AttributeFields {
    fn of(attribute: &ScopeAttribute, fields: Vec<usize>) -> AttributeFields {
        AttributeFields {
            id: attribute.id,
            name: attribute.name.clone(),
            data_type: attribute.data_type,
            plurality: attribute.plurality,
            fields,
        }
    }
}

/// Column of an attribute: equal text, else ignoring case where only one is meant, as imports of the schema match.
fn place_of(attribute: &ScopeAttribute, scope: &ScopeType, header: &Header) -> Option<usize> {
    let names = header.names();
    if let Some(place) = names.iter().position(|name| **name == *attribute.name) {
        return Some(place);
    }
    let wanted = fold(&attribute.name);
    let taken = |name: &str| scope.attributes.iter().any(|other| *other.name == *name);
    let mut like = names.iter().enumerate().filter(|(_, name)| fold(name) == wanted && !taken(name));
    let first = like.next().map(|(place, _)| place);
    first.filter(|_| like.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::definitions::file_setting as id;
    use crate::connectors::file::import::sample::{attribute, scope_of, scope_type};
    use crate::connectors::file::tests::values;

    const BY_KIND: [(i64, &str); 2] = [(id::OBJECT_TYPE, ""), (id::OBJECT_TYPE_COLUMN, "kind")];

    fn layout(header: &[&str], changes: &[(i64, &str)], scope: &ImportScope) -> Result<Layout, String> {
        let settings = FileSettings::read(&values(changes)).expect("good settings");
        Layout::of(Header::read(&StringRecord::from(header)).expect("a header"), &settings, scope)
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let person = scope_type(1, "person", &["id", "mail", "Größe"]);
        for (header, fields) in [
            (&["id", "mail", "Größe"][..], [vec![0], vec![1], vec![2]]),
            (&["Größe", "x", "id", "mail", "Id"], [vec![2], vec![3], vec![0]]),
            (&["GRÖSSE", "GRÖßE", "größe", "ID", "mail", "mail"], [vec![3], vec![4, 5], vec![2]]),
        ] {
            let wanted: Vec<Vec<usize>> = fields.to_vec();
            let found = layout(header, &[], &scope_of(vec![person.clone()]));
            if header[0] == "GRÖSSE" {
                let why = found.err().expect("several are like Größe");
                assert!(why.starts_with(" has no column \"Größe\", selected of person, but \"GRÖSSE\""), "{why}");
                continue;
            }
            let found = found.expect("a layout");
            let places: Vec<Vec<usize>> = found.types[0].attributes.iter().map(|a| a.fields.clone()).collect();
            assert_eq!((places, found.unused_columns), (wanted, header.len() - 3));
        }
        // A column that another attribute names exactly is not a second one's.
        let mut both = person;
        both.attributes.push(attribute(9, "MAIL"));
        assert!(layout(&["id", "mail", "größe"], &[], &scope_of(vec![both])).is_err());
    }

    #[test]
    fn what_is_selected_and_not_in_the_file_is_an_error() {
        let person = scope_type(1, "person", &["id", "mail", "phone"]);
        let group = scope_type(2, "group", &["id", "kind"]);
        let scope = scope_of(vec![person, group]);
        let mut no_id = scope.clone();
        no_id.types[0].attributes[0].is_external_id = false;
        for (header, changes, scope, wanted) in [
            (
                &["id", "name"][..],
                &[][..],
                &scope,
                " has no column \"mail\", \"phone\", selected of person, but \"id\", \"name\"",
            ),
            (&["id;mail;phone"], &[], &scope, "but \"id;mail;phone\"; is Delimiter right?"),
            (&["id", "mail", "phone"], &BY_KIND, &scope, " has no column \"kind\" for Object Type Column"),
            (&["id", "kind"], &BY_KIND, &scope, " has no column \"mail\", \"phone\", selected of person"),
            (
                &["id"],
                &[(id::OBJECT_TYPE, "room")],
                &scope,
                ": all rows are of Object Type \"room\", which is not selected",
            ),
            (&["id"], &[(id::OBJECT_TYPE, "desk")], &scope, "\"desk\", which is not in the schema; import the schema"),
            (&["id", "mail", "phone"], &[], &no_id, ": the object type person has no external id"),
        ] {
            let why = layout(header, changes, scope).err().expect(wanted);
            assert!(why.contains(wanted), "{why} does not hold {wanted}");
        }
        // Of the other types only those that rows may have are needed.
        assert!(layout(&["id", "mail", "phone"], &[], &scope).is_ok());
        assert!(layout(&["id", "mail", "phone"], &[(id::OBJECT_TYPE, "Person")], &scope).is_ok());
    }

    #[test]
    fn types_are_found_by_name_and_else_ignoring_case() {
        let types = ["person", "Person", "group"].into_iter().enumerate();
        let names = TypeNames::of(types.map(|(n, name)| (Box::from(name), TypeOf::Selected(n))));
        for (name, wanted) in [
            ("person", Some(0)),
            ("Person", Some(1)),
            ("PERSON", None),
            ("GROUP", Some(2)),
            ("groups", None),
            ("", None),
        ] {
            assert_eq!(names.find(name), wanted.map(TypeOf::Selected), "{name}");
        }
    }
}
