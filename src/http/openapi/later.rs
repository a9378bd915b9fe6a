//! Answers that the API promises and that a later version gives: figures and items of runs, deleted objects, sign-in.
//! Nothing makes one of these yet; they exist for the description only.

#![expect(dead_code, reason = "nothing makes one yet")]

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::enums::{DeletionInitiatorType, ObjectChangeType, ObjectErrorType};

/// The figures of a run.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityStats {
    total_objects_processed: i64,
    total_object_change_count: i64,
    total_unchanged: i64,
    total_object_errors: i64,
    total_object_types: i64,
    total_cso_adds: i64,
    total_cso_updates: i64,
    total_cso_deletes: i64,
    total_projections: i64,
    total_joins: i64,
    total_attribute_flows: i64,
    total_disconnections: i64,
    total_disconnected_out_of_scope: i64,
    total_out_of_scope_retain_join: i64,
    total_drift_corrections: i64,
    total_provisioned: i64,
    total_exported: i64,
    total_deprovisioned: i64,
    total_pending_exports: i64,
    total_pending_exports_confirmed: i64,
    total_pending_exports_retrying: i64,
    total_pending_exports_failed: i64,
    total_created: i64,
}

/// What a run did to one object.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActivityItem {
    id: Uuid,
    external_id_value: Option<String>,
    display_name: Option<String>,
    connected_system_object_type: Option<String>,
    object_change_type: ObjectChangeType,
    error_type: Option<ObjectErrorType>,
    /// `Name:count`, joined by commas
    outcome_summary: Option<String>,
}

/// A deleted connector-space object.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletedConnectorSpaceObject {
    /// Of the change record
    id: Uuid,
    external_id: Option<String>,
    display_name: Option<String>,
    object_type_name: Option<String>,
    connected_system_id: i64,
    /// Null once the system is gone
    connected_system_name: Option<String>,
    #[schema(format = DateTime)]
    change_time: String,
    initiated_by_type: Option<DeletionInitiatorType>,
    initiated_by_name: Option<String>,
}

/// A deleted metaverse object.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeletedMetaverseObject {
    id: Uuid,
    display_name: Option<String>,
    object_type_name: Option<String>,
    object_type_id: Option<i64>,
    #[schema(format = DateTime)]
    change_time: String,
    initiated_by_type: Option<DeletionInitiatorType>,
    initiated_by_name: Option<String>,
}

/// How to sign in.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignIn {
    authority: String,
    client_id: String,
    scopes: Vec<String>,
    /// `code`
    response_type: String,
    use_pkce: bool,
    /// `S256`
    code_challenge_method: String,
}
