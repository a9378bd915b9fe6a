//! Rows as objects. Pure: nothing here knows the file.

use csv::StringRecord;

use super::layout::{AttributeFields, Layout, TypeCell, TypeFields, TypeOf};
use crate::connectors::file::cells;
use crate::connectors::file::header::Shape;
use crate::domain::connector_space::{
    AttributeError, ErrorType, ExternalId, ReadObject, Refused, RowId, ValuesBuilder,
};
use crate::domain::schema::{DataType, Plurality};
use crate::domain::text::count;
use crate::domain::value::Value;

/// Characters of an external id.
const MAX_ID: usize = 1_024;
/// Characters of a row's text that a message shows.
const MAX_SHOWN: usize = 100;

/// What a row is.
pub(super) enum Row<'l> {
    Skipped(Skip),
    /// Without an external id only if the row does not show one.
    Refused(Refused),
    Identified(&'l TypeFields, Box<str>),
}

/// A row that is no object, and normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skip {
    /// Cells without any text, as spreadsheets write them below the data.
    Blank,
    /// A line that a program wrote below the data.
    Trailer,
    /// Of a declared type, by its index in [`Layout::unselected`].
    Unselected(usize),
}

/// Says what the row in this line is, and of which object.
pub(super) fn identify<'l>(layout: &'l Layout, row: &StringRecord, line: u64) -> Row<'l> {
    let shape = layout.shape(row);
    if row.iter().all(|cell| cell.trim().is_empty()) {
        return Row::Skipped(Skip::Blank);
    }
    if shape == Shape::Trailer {
        return Row::Skipped(Skip::Trailer);
    }
    let named = type_of(layout, row, shape);
    if let Named::Type(TypeOf::Unselected(n)) = named {
        return Row::Skipped(Skip::Unselected(n));
    }
    let object_type = match named {
        Named::Type(TypeOf::Selected(n)) => layout.types.get(n),
        _ => None,
    };
    let id_fields = object_type.map(|t| &t.external_id).or_else(|| layout.common_id());
    let ids = id_fields.and_then(|id| id_values(layout, id, row, shape));
    let refused = |error, message| {
        let external_id = ids.as_deref().and_then(single).filter(|id| fits(id));
        let external_id = external_id.map(|id| ExternalId { text: id.into(), own: None });
        Row::Refused(Refused { error, message, object_type: object_type.map(|t| t.id), external_id, dn: None })
    };
    if shape != Shape::Exact {
        let (found, wanted) = (count(row.len(), "cell"), count(layout.header.width(), "column"));
        let why = format!("the row in line {line} has {found}, but the header has {wanted}");
        return refused(ErrorType::UnexpectedAttribute, why);
    }
    let Some(object_type) = object_type else {
        return refused(ErrorType::CouldNotMatchObjectType, type_error(layout, &named, line));
    };
    let what = format!("in {:?}, the external id of {}", object_type.external_id.name, object_type.name);
    match ids.as_deref().unwrap_or_default() {
        [] => {
            let why = format!("the row in line {line} has no value {what}");
            refused(ErrorType::MissingExternalIdAttributeValue, why)
        }
        [only] if fits(only) => Row::Identified(object_type, (*only).into()),
        [_] => {
            let why = format!("the row in line {line} has more than {MAX_ID} characters {what}");
            refused(ErrorType::UnsupportedExternalIdAttributeType, why)
        }
        _ => {
            let why = format!("the row in line {line} has several values {what}; is Multi-Value Delimiter right?");
            refused(ErrorType::UnsupportedExternalIdAttributeType, why)
        }
    }
}

/// Type that a row names.
enum Named<'r> {
    Type(TypeOf),
    Unknown(&'r str),
    /// The row is short or wide, and its type not where it should be.
    Unreadable,
}

fn type_of<'r>(layout: &Layout, row: &'r StringRecord, shape: Shape) -> Named<'r> {
    match &layout.object_type {
        TypeCell::Fixed(n) => Named::Type(TypeOf::Selected(*n)),
        TypeCell::Column { field, .. } if !is_in_place(*field, layout, row, shape) => Named::Unreadable,
        TypeCell::Column { field, names, .. } => {
            let name = row.get(*field).unwrap_or_default().trim();
            names.find(name).map_or(Named::Unknown(name), Named::Type)
        }
    }
}

fn type_error(layout: &Layout, named: &Named, line: u64) -> String {
    let column = match &layout.object_type {
        TypeCell::Column { name, .. } => name.as_str(),
        TypeCell::Fixed(_) => "",
    };
    match named {
        Named::Unknown(name) if !name.is_empty() => {
            let name: String = name.chars().take(MAX_SHOWN).collect();
            format!(
                "the row in line {line} is of the object type {name:?}, which is not in the schema; import the schema"
            )
        }
        _ => format!("the row in line {line} names no object type in column {column:?}"),
    }
}

/// Whether a cell is that of its column, in a row with too few or too many cells. Cells are missing at the end of a short
/// row; a delimiter too many may stand anywhere in a wide one, unless what follows the last column is empty.
fn is_in_place(field: usize, layout: &Layout, row: &StringRecord, shape: Shape) -> bool {
    let surplus_is_empty = || row.iter().skip(layout.header.width()).all(|cell| cell.trim().is_empty());
    match shape {
        Shape::Exact => true,
        Shape::Short | Shape::Trailer => field < row.len(),
        Shape::Wide => field == 0 || surplus_is_empty(),
    }
}

/// The first values of the external id; `None` if a cell is not in its place.
fn id_values<'r>(
    layout: &'r Layout,
    id: &'r AttributeFields,
    row: &'r StringRecord,
    shape: Shape,
) -> Option<Vec<&'r str>> {
    let in_place = id.fields.iter().all(|field| is_in_place(*field, layout, row, shape));
    in_place.then(|| first_two(texts(layout, id, row)))
}

/// Values of an attribute, in the order of the row.
fn texts<'r>(
    layout: &'r Layout,
    attribute: &'r AttributeFields,
    row: &'r StringRecord,
) -> impl Iterator<Item = &'r str> {
    let cells = attribute.fields.iter().filter_map(|field| row.get(*field));
    cells.flat_map(|cell| cells::parts(cell, layout.value_delimiter.as_deref()))
}

/// As many different texts as it takes to know that there are several.
fn first_two<'r>(mut all: impl Iterator<Item = &'r str>) -> Vec<&'r str> {
    let first = all.next();
    let second = all.find(|text| Some(*text) != first);
    first.into_iter().chain(second).collect()
}

fn single<'r>(ids: &[&'r str]) -> Option<&'r str> {
    match ids {
        [only] => Some(only),
        _ => None,
    }
}

fn fits(id: &str) -> bool {
    id.chars().count() <= MAX_ID
}

/// Object of a row; cells that do not fit become its errors.
pub(super) fn object(layout: &Layout, t: &TypeFields, id: Box<str>, row: &StringRecord, line: u64) -> ReadObject {
    let (mut values, mut references, mut errors) = (ValuesBuilder::default(), Vec::new(), Vec::new());
    for attribute in &t.attributes {
        let read = read(layout, attribute, row);
        match read {
            Ok(Read::References(texts)) if texts.is_empty() => {}
            Ok(Read::References(texts)) => references.push((attribute.id, texts)),
            Ok(Read::Values(all)) => all.into_iter().for_each(|value| values.push(attribute.id, value)),
            Err(why) => {
                errors.push(error(attribute, &format!("the cell of {:?} in line {line} {why}", attribute.name)))
            }
        }
    }
    ReadObject {
        object_type: t.id,
        partition: None,
        external_id: ExternalId { text: id, own: None },
        dn: None,
        values: values.build(),
        references,
        errors,
    }
}

fn error(attribute: &AttributeFields, message: &str) -> AttributeError {
    AttributeError { attribute: attribute.id, error: ErrorType::UnexpectedAttribute, message: message.to_owned() }
}

enum Read {
    Values(Vec<Vec<u8>>),
    References(Vec<Box<str>>),
}

/// Values of an attribute. Errors continue the name of the column and show no value.
fn read(layout: &Layout, attribute: &AttributeFields, row: &StringRecord) -> Result<Read, String> {
    let is_multi = attribute.plurality == Plurality::Multi;
    let texts = texts(layout, attribute, row);
    let texts = if is_multi { texts.collect() } else { first_two(texts) };
    if !is_multi && texts.len() > 1 {
        return Err("holds several values, but the attribute is Single; is Multi-Value Delimiter right?".to_owned());
    }
    if attribute.data_type == DataType::Reference {
        let mut texts: Vec<Box<str>> = texts.into_iter().map(Box::from).collect();
        texts.sort_unstable();
        texts.dedup();
        return Ok(Read::References(texts));
    }
    let encoded = |text: &str| -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let value: Value = cells::value(text, attribute.data_type, layout.culture)?;
        value.encode(&mut bytes);
        Some(bytes)
    };
    let all: Option<Vec<Vec<u8>>> = texts.into_iter().map(encoded).collect();
    all.map(Read::Values).ok_or_else(|| format!("does not fit the type {}", attribute.data_type.name()))
}

/// Object that shares its external id with the rows in other lines.
pub(super) fn duplicate(object_type: RowId, id: Box<str>, line: u64, others: &str) -> Refused {
    Refused {
        error: ErrorType::DuplicateObject,
        message: format!("the row in line {line} has the same external id as {others}"),
        object_type: Some(object_type),
        external_id: Some(ExternalId { text: id, own: None }),
        dn: None,
    }
}
