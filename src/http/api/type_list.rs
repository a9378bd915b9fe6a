//! Writing object types with their attributes as JSON in chunks: with auxiliary classes a directory has tens of
//! thousands of attributes, and what is written is let go.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use warp::reply::Response;

use crate::domain::schema::StoredAttribute;
use crate::http::openapi::enums::{AttributePlurality, AttributeType, AttributeWritability};
use crate::http::wire::{self, CHUNK, Permit};
use crate::store::schema::{ListedAttribute, ListedType};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TypeHead<'a> {
    /// Unique identifier
    id: i64,
    /// Object type name
    name: &'a str,
    /// UTC timestamp when discovered
    #[schema(format = DateTime)]
    created: String,
    /// Whether this type is included in synchronisation
    selected: bool,
    /// Remove contributed attributes when a sync rule no longer applies
    remove_contributed_attributes_on_obsoletion: bool,
    /// Total number of attributes
    attribute_count: usize,
}

/// An object type.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is written in pieces; this is their sum, for the description")]
pub struct ObjectType<'a> {
    #[serde(flatten)]
    head: TypeHead<'a>,
    /// Full list of attributes
    attributes: Vec<AttributeBody<'a>>,
}

/// An attribute on the wire.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Attribute)]
pub struct AttributeBody<'a> {
    id: i64,
    name: &'a str,
    description: Option<&'a str>,
    /// The class that declares it
    class_name: Option<&'a str>,
    /// UTC timestamp when discovered
    #[schema(format = DateTime)]
    created: &'a str,
    #[schema(value_type = AttributeType)]
    r#type: &'static str,
    #[schema(value_type = AttributePlurality)]
    attribute_plurality: &'static str,
    /// Whether this attribute is included in synchronisation
    selected: bool,
    /// Whether it tells objects apart for good
    is_external_id: bool,
    is_secondary_external_id: bool,
    /// Whether it must stay selected because of an external id flag
    selection_locked: bool,
    #[schema(value_type = AttributeWritability)]
    writability: &'static str,
}

impl<'a> AttributeBody<'a> {
    /// Of a stored attribute; `created` as the wire writes it.
    pub fn new(a: &'a StoredAttribute, created: &'a str) -> Self {
        AttributeBody {
            id: a.id,
            name: &a.name,
            description: a.description.as_deref(),
            class_name: a.class_name.as_deref(),
            created,
            r#type: a.data_type.name(),
            attribute_plurality: a.plurality.name(),
            selected: a.selected,
            is_external_id: a.is_external_id,
            is_secondary_external_id: a.is_secondary_external_id,
            selection_locked: a.is_locked(),
            writability: a.writability.name(),
        }
    }
}

/// Answers with one attribute.
pub fn attribute(listed: &ListedAttribute) -> crate::error::Result<Response> {
    wire::ok(&AttributeBody::new(&listed.stored, &wire::date(listed.created)))
}

/// Answers with object types, by name, between what comes before and after them. The permit is held until all is
/// sent if there are many.
pub fn stream(mut types: Vec<ListedType>, before: Vec<u8>, after: Vec<u8>, permit: Option<Permit>) -> Response {
    let rows = types.iter().map(|t| t.stored.attributes.len()).sum();
    let permit = permit.and_then(|permit| permit.for_rows(rows));
    types.sort_by_cached_key(|t| (t.stored.name.to_lowercase(), t.stored.name.clone(), t.stored.id));
    let mut writer = Writer {
        types: types.into_iter(),
        open: None,
        out: before,
        after: Some(after),
        dates: Dates::default(),
        first: true,
    };
    wire::streamed(move || {
        let _ = &permit;
        writer.chunk()
    })
}

/// A type whose attributes are being written.
struct Open {
    /// Those that are still to come, the next one last.
    left: Vec<(StoredAttribute, OffsetDateTime)>,
    started: bool,
}

struct Writer {
    types: std::vec::IntoIter<ListedType>,
    open: Option<Open>,
    out: Vec<u8>,
    after: Option<Vec<u8>>,
    dates: Dates,
    first: bool,
}

impl Writer {
    fn chunk(&mut self) -> Option<Vec<u8>> {
        while self.after.is_some() && self.out.len() < CHUNK {
            self.step();
        }
        (!self.out.is_empty()).then(|| std::mem::take(&mut self.out))
    }

    fn step(&mut self) {
        match self.open.as_mut().map(|open| (open.left.pop(), std::mem::replace(&mut open.started, true))) {
            Some((Some((attribute, created)), started)) => {
                if started {
                    self.out.push(b',');
                }
                let body = AttributeBody::new(&attribute, self.dates.text(created));
                wire::write(&mut self.out, &body);
            }
            Some((None, _)) => {
                self.out.extend_from_slice(b"]}");
                self.open = None;
            }
            None => match self.types.next() {
                Some(next) => self.open_type(next),
                None => self.out.extend(self.after.take().unwrap_or_default()),
            },
        }
    }

    fn open_type(&mut self, listed: ListedType) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
        let head = TypeHead {
            id: listed.stored.id,
            name: &listed.stored.name,
            created: wire::date(listed.created),
            selected: listed.stored.selected,
            remove_contributed_attributes_on_obsoletion: listed.remove_contributed,
            attribute_count: listed.stored.attributes.len(),
        };
        wire::open(&mut self.out, &head);
        wire::open_array(&mut self.out, "attributes");
        let mut left: Vec<_> = listed.stored.attributes.into_iter().zip(listed.attributes_created).collect();
        left.sort_by_cached_key(|(a, _)| std::cmp::Reverse((a.name.to_lowercase(), a.name.clone(), a.id)));
        self.open = Some(Open { left, started: false });
    }
}

/// Most attributes have the same date as the one before.
#[derive(Default)]
struct Dates {
    last: Option<OffsetDateTime>,
    text: String,
}

impl Dates {
    fn text(&mut self, at: OffsetDateTime) -> &str {
        if self.last != Some(at) {
            self.text = wire::date(at);
            self.last = Some(at);
        }
        &self.text
    }
}
