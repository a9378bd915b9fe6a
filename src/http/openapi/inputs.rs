//! Request bodies and queries, for the description. What reads them is in the handlers: names in any case, whole numbers
//! also as strings, absent and null alike.

#![expect(dead_code, reason = "handlers read requests field by field")]

use std::collections::BTreeMap;

use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, OneOfBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// The id of a setting, attribute or container as the key of a dictionary.
#[derive(ToSchema)]
#[schema(value_type = String, pattern = "^(0|-?[1-9][0-9]{0,17})$")]
pub struct SettingId(String);

/// A whole number of 64 bits, or one written as a string.
fn integer() -> Schema {
    whole_number(&[Type::Integer, Type::String])
}

/// The same where there may be none.
fn integer_if_any() -> Schema {
    whole_number(&[Type::Integer, Type::String, Type::Null])
}

fn whole_number(kinds: &[Type]) -> Schema {
    let kinds = SchemaType::from_iter(kinds.iter().cloned());
    let number = ObjectBuilder::new().schema_type(kinds).minimum(Some(i64::MIN)).maximum(Some(i64::MAX));
    number.pattern(Some("^-?[0-9]{1,18}$")).into()
}

fn parallelism() -> Schema {
    let kinds = SchemaType::from_iter([Type::Integer, Type::String, Type::Null]);
    let one = ObjectBuilder::new().schema_type(kinds).minimum(Some(1)).maximum(Some(16));
    one.pattern(Some("^0*([1-9]|1[0-6])$")).description(Some("Maximum concurrent export batches")).into()
}

/// An array of role ids, one role id, or none.
fn role_ids() -> Schema {
    let id = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(2));
    let many = ArrayBuilder::new().items(id().build()).unique_items(true);
    let all = OneOfBuilder::new().item(many).item(id()).item(ObjectBuilder::new().schema_type(Type::Null));
    all.description(Some("Role ids: an array, one, or none; 1 = Administrator, 2 = Reader")).into()
}

/// A point in time, UTC without an offset, or a date alone.
pub struct DateInQuery;

impl PartialSchema for DateInQuery {
    fn schema() -> RefOr<Schema> {
        let text =
            |format| ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(format)));
        let either = OneOfBuilder::new().item(text(KnownFormat::DateTime)).item(text(KnownFormat::Date));
        Schema::from(either.description(Some("A point in time, or a date alone"))).into()
    }
}

impl ToSchema for DateInQuery {}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateConnectedSystemRequest {
    /// Display name for the connected system
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00]*[^\x00\s][^\x00]*$")]
    name: String,
    /// Optional description
    #[schema(max_length = 1000, pattern = r"^[^\x00]*$")]
    description: Option<String>,
    /// ID of the connector type to use; `GET connector-definitions` lists them
    #[schema(schema_with = integer)]
    connector_definition_id: i64,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateConnectedSystemRequest {
    /// Display name
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00]*[^\x00\s][^\x00]*$")]
    name: Option<String>,
    /// Description
    #[schema(max_length = 1000, pattern = r"^[^\x00]*$")]
    description: Option<String>,
    /// Connector-specific settings, keyed by setting ID; at most 1000
    setting_values: Option<BTreeMap<SettingId, SettingValueRequest>>,
    #[schema(schema_with = parallelism)]
    max_export_parallelism: Option<i64>,
}

/// The value of one setting: the member that fits its type.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingValueRequest {
    /// Of texts, choices, files and secrets; an empty one clears the setting
    #[schema(max_length = 4096, pattern = r"^[^\x00]*$")]
    string_value: Option<String>,
    /// Of integers
    #[schema(schema_with = integer_if_any)]
    int_value: Option<i64>,
    /// Of check boxes
    checkbox_value: Option<bool>,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestConnectionRequest {
    /// Settings to try without storing them, keyed by setting ID; at most 1000
    setting_values: Option<BTreeMap<SettingId, SettingValueRequest>>,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateObjectTypeRequest {
    /// Include this object type in synchronisation
    selected: Option<bool>,
    /// Remove contributed attributes from metaverse objects when a sync rule no longer applies
    remove_contributed_attributes_on_obsoletion: Option<bool>,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateAttributeRequest {
    /// Include this attribute in synchronisation
    selected: Option<bool>,
    /// Make it the external id of its type
    is_external_id: Option<bool>,
    /// Make it the secondary external id of its type
    is_secondary_external_id: Option<bool>,
}

#[derive(ToSchema)]
pub struct BulkUpdateAttributesRequest {
    /// What to change, keyed by attribute ID
    attributes: BTreeMap<SettingId, UpdateAttributeRequest>,
}

#[derive(ToSchema)]
pub struct SelectRequest {
    /// Include it in synchronisation scope
    selected: Option<bool>,
}

#[derive(ToSchema)]
pub struct BulkUpdateContainersRequest {
    /// What to change, keyed by container ID
    containers: BTreeMap<SettingId, SelectRequest>,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateApiKeyRequest {
    /// Display name, unique ignoring case
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00]*[^\x00\s][^\x00]*$")]
    name: String,
    #[schema(max_length = 1000, pattern = r"^[^\x00]*$")]
    description: Option<String>,
    #[schema(schema_with = role_ids, required = false)]
    role_ids: (),
    /// When it stops being accepted; never if there is none
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateApiKeyRequest {
    /// Display name, unique ignoring case
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00]*[^\x00\s][^\x00]*$")]
    name: String,
    #[schema(max_length = 1000, pattern = r"^[^\x00]*$")]
    description: Option<String>,
    #[schema(schema_with = role_ids, required = false)]
    role_ids: (),
    /// When it stops being accepted; never if there is none
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Whether it is accepted; **not** if this is left out
    is_enabled: Option<bool>,
}

#[derive(ToSchema)]
pub struct UpdateServiceSettingRequest {
    /// The new value; an empty one clears the override
    #[schema(max_length = 2000)]
    value: Option<String>,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UploadCertificateRequest {
    /// Display name
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00]*[^\x00\s][^\x00]*$")]
    name: String,
    /// DER or PEM, base64-encoded as a whole
    #[schema(max_length = 1048576, content_encoding = "base64")]
    certificate_data_base64: String,
    #[schema(max_length = 2000, pattern = r"^[^\x00]*$")]
    notes: Option<String>,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddCertificateFileRequest {
    /// Display name
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00]*[^\x00\s][^\x00]*$")]
    name: String,
    /// Below the connector files folder
    #[schema(min_length = 1, max_length = 4096, pattern = r"^[^\x00]*$")]
    file_path: String,
    #[schema(max_length = 2000, pattern = r"^[^\x00]*$")]
    notes: Option<String>,
}

#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateCertificateRequest {
    /// Display name
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00]*[^\x00\s][^\x00]*$")]
    name: Option<String>,
    /// An empty text clears them
    #[schema(max_length = 2000, pattern = r"^[^\x00]*$")]
    notes: Option<String>,
    /// Whether it is trusted
    is_enabled: Option<bool>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct PagingQuery {
    /// Page number from 1; below 1 becomes 1.
    page: Option<i64>,
    /// Items of a page, 25 unless given; below 1 becomes 25, above 100 becomes 100.
    page_size: Option<i64>,
    /// Any property of the list's items, ignoring case. An unknown one means the list's own order.
    #[param(max_length = 100)]
    sort_by: Option<String>,
    /// `asc` unless given.
    sort_direction: Option<SortDirection>,
    /// `property:operator:value`, as in `name:startswith:Corp`. Texts know `eq ne contains startswith endswith`, ignoring
    /// case, integers `eq ne gt gte lt lte`, booleans and GUIDs `eq ne`. Any other text is looked for in the name.
    #[param(max_length = 500)]
    filter: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum SortDirection {
    Asc,
    Desc,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct ImportQuery {
    /// Do everything but change nothing; the answer is the same, with `preview` true.
    preview: Option<bool>,
    /// Vouch for what is missing: removes what the directory cannot prove to be gone, however much it is.
    accept_removals: Option<bool>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct ConnectorSpaceQuery {
    /// Only objects of this connected system.
    connected_system_id: Option<i64>,
    /// Text looked for in external ids, ignoring case.
    #[param(max_length = 500)]
    external_id_search: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct MetaverseQuery {
    /// Only objects of this type.
    object_type_id: Option<i64>,
    /// Text looked for in display names, ignoring case.
    #[param(max_length = 500)]
    display_name_search: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct DeletedQuery {
    /// Only what was deleted then or later.
    from_date: Option<DateInQuery>,
    /// Only what was deleted then or earlier.
    to_date: Option<DateInQuery>,
    /// Page number from 1; below 1 becomes 1.
    page: Option<i64>,
    /// Items of a page, 50 unless given, 1 to 1000.
    page_size: Option<i64>,
}
