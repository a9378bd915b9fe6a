//! The texts that members of answers may be, for the description. What writes them is elsewhere; the tests hold every
//! answer against them.

#![expect(dead_code, reason = "only their names are used")]

use utoipa::ToSchema;

/// What kind of error it is.
#[derive(ToSchema)]
#[schema(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    ValidationError,
    BadRequest,
    Unauthorised,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    Conflict,
    PayloadTooLarge,
    UnsupportedMediaType,
    TooManyRequests,
    RequestHeaderFieldsTooLarge,
    InternalError,
    ServiceUnavailable,
}

/// `Deleting` is reserved.
#[derive(ToSchema)]
pub enum SystemStatus {
    Active,
    Deleting,
}

/// Kind of a connector setting.
#[derive(ToSchema)]
pub enum SettingType {
    String,
    StringEncrypted,
    Integer,
    DropDown,
    CheckBox,
    File,
    Heading,
    Label,
    Text,
    Divider,
}

/// Where a connector setting is shown.
#[derive(ToSchema)]
pub enum SettingCategory {
    Connectivity,
    General,
    Capabilities,
    Schema,
    Import,
    Export,
}

/// Who made or changed something built in.
#[derive(ToSchema)]
pub enum OriginType {
    NotSet,
    User,
    ApiKey,
    System,
}

/// Only `CompletedImmediately` in this version.
#[derive(ToSchema)]
pub enum DeletionOutcome {
    CompletedImmediately,
    QueuedAsBackgroundJob,
    QueuedAfterSync,
}

#[derive(ToSchema)]
pub enum HierarchyItemType {
    Partition,
    Container,
}

/// A stage of a connection test, in order.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum StageName {
    Resolve,
    Connect,
    Tls,
    Bind,
    Root,
    Paging,
    Partitions,
    Schema,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum StageOutcome {
    Ok,
    Failed,
    Skipped,
}

/// Type of an attribute's values.
#[derive(ToSchema)]
pub enum AttributeType {
    String,
    Integer,
    LongNumber,
    Boolean,
    DateTime,
    Guid,
    Reference,
    Binary,
}

/// Whether an attribute has one value or many.
#[derive(ToSchema)]
pub enum AttributePlurality {
    Single,
    Multi,
}

/// Whether anybody but the server may write an attribute.
#[derive(ToSchema)]
pub enum AttributeWritability {
    ReadWrite,
    ReadOnly,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum AuthMethod {
    ApiKey,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum UnreadyReason {
    MaintenanceMode,
    Error,
}

/// How an activity stands or ended.
#[derive(ToSchema)]
pub enum ActivityStatus {
    InProgress,
    Complete,
    CompleteWithWarning,
    CompleteWithError,
    FailedWithError,
    Cancelled,
}

/// Kind of what was changed.
#[derive(ToSchema)]
pub enum ActivityTargetType {
    ExampleDataTemplate,
    ConnectedSystem,
    ConnectedSystemRunProfile,
    SyncRule,
    MetaverseObject,
    TrustedCertificate,
    ObjectMatchingRule,
    MetaverseAttribute,
    ServiceSetting,
    HistoryRetentionCleanup,
}

/// What was done.
#[derive(ToSchema)]
pub enum ActivityOperation {
    Create,
    Read,
    Update,
    Delete,
    Clear,
    Execute,
    ImportHierarchy,
    ImportSchema,
    Revert,
}

/// Who started it.
#[derive(ToSchema)]
pub enum InitiatorType {
    NotSet,
    User,
    ApiKey,
    System,
}

/// `NotSet` in this version.
#[derive(ToSchema)]
pub enum RunType {
    NotSet,
    FullImport,
    DeltaImport,
    FullSynchronisation,
    DeltaSynchronisation,
    Export,
}

/// What a run did to an object.
#[derive(ToSchema)]
pub enum ObjectChangeType {
    NotSet,
    Added,
    Updated,
    Deleted,
    Projected,
    Joined,
    AttributeFlow,
    Disconnected,
    DisconnectedOutOfScope,
    OutOfScopeRetainJoin,
    DriftCorrection,
    Exported,
    Deprovisioned,
    NoChange,
    PendingExport,
    PendingExportConfirmed,
    Created,
}

/// What went wrong with an object.
#[derive(ToSchema)]
pub enum ObjectErrorType {
    NotSet,
    AmbiguousMatch,
    CouldNotMatchObjectType,
    CouldNotJoinDueToExistingJoin,
    DuplicateImportedAttributes,
    MissingExternalIdAttributeValue,
    UnexpectedAttribute,
    UnresolvedReference,
    UnsupportedExternalIdAttributeType,
    ExportNotConfirmed,
    ExportConfirmationFailed,
    CsoCreationFailed,
    DuplicateObject,
    InvalidGeneratedExternalId,
    UnhandledError,
    MultiValuedAttributeTruncated,
    DeltaImportFallbackToFullImport,
}

/// Who started the change that deleted an object.
#[derive(ToSchema)]
pub enum DeletionInitiatorType {
    User,
    ApiKey,
    Unknown,
}

/// What a value of a service setting is; all are written as strings.
#[derive(ToSchema)]
pub enum ServiceSettingType {
    String,
    Boolean,
    Integer,
    TimeSpan,
}

/// Where a certificate is kept.
#[derive(ToSchema)]
pub enum CertificateSource {
    Uploaded,
    FilePath,
}
