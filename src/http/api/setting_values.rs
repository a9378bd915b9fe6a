//! Values of connector settings in requests and answers. A secret's value is in no answer; whether one is stored is.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::connectors::definitions::Definition;
use crate::domain::connected_system::{Settings, StoredValue};
use crate::domain::setting::{Input, Kind, Setting, Value};
use crate::http::wire::{Errors, Field, Integer, Node, choice, key, object, printable_key, request};
use crate::ops::connected_systems::SettingInputs;

choice! {
    /// Kind of a connector setting; those after `File` carry no value and are reserved.
    pub(super) struct SettingType: Kind::ALL.iter().map(|kind| kind.name()).chain(["Heading", "Label", "Text", "Divider"]);
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SettingValue)]
pub(super) struct SettingBody {
    /// Name of the setting
    name: &'static str,
    r#type: SettingType,
    /// Filled for texts, choices and files; never for secrets
    string_value: Option<String>,
    /// Filled for integers
    int_value: Option<i64>,
    /// Filled for check boxes
    checkbox_value: Option<bool>,
    /// Whether a value is stored
    is_set: bool,
    /// Whether a stored secret must be sent again because the target changed
    needs_reentry: bool,
}

request! {
    /// The value of one setting: the member that fits its type.
    #[derive(Default)]
    pub(super) struct SettingValueRequest {
        /// Of texts, choices, files and secrets; an empty one clears the setting
        #[schema(max_length = 4096, pattern = r"^[^\x00]*$")]
        string_value: Option<String>,
        /// Of integers
        int_value: Option<Integer>,
        /// Of check boxes
        checkbox_value: Option<bool>,
    }
}

/// Setting values as they were sent. Errors of form go along with them, so that the operation adds its own to them.
pub(super) struct SettingValues(pub(super) SettingInputs);

/// Settings of a request at most: far more than any connector has.
const MAX_SETTINGS: usize = 1000;

impl Field for SettingValues {
    fn read(sent: Node, place: &str, errors: &mut Errors) -> Option<Self> {
        let Node::Object(members) = sent else {
            return errors.refuse(place, "Must be an object keyed by setting id.");
        };
        if members.len() > MAX_SETTINGS {
            return errors.refuse(place, format!("Must be at most {MAX_SETTINGS} settings."));
        }
        let mut inputs = SettingInputs::new();
        for (name, node) in members {
            let (shown, input) = match key(&name) {
                Some(id) => (
                    id.to_string(),
                    setting_input(node, &format!("{place}.{id}"), errors).map_err(|why| format!("Setting {id}: {why}")),
                ),
                None => (printable_key(&name), Err(format!("Keys of {place} are setting ids, written as integers."))),
            };
            let twice = format!("Setting {shown} must be given only once.");
            inputs.entry(shown).and_modify(|i| *i = Err(twice)).or_insert(input);
        }
        Some(SettingValues(inputs))
    }
}

fn setting_input(node: Node, place: &str, errors: &mut Errors) -> Result<Input, String> {
    if !matches!(node, Node::Null | Node::Object(_)) {
        return Err("must be an object with stringValue, intValue or checkboxValue.".to_owned());
    }
    let SettingValueRequest { string_value, int_value, checkbox_value } = object(node, place, errors)?;
    Ok(Input { text: string_value, integer: int_value.map(|n| n.0), flag: checkbox_value })
}

/// Writes pairs as an object, in their order.
pub(super) fn as_object<S: Serializer>(pairs: &[(i64, SettingBody)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pairs.iter().map(|(id, body)| (id, body)))
}

pub(super) fn settings_of(connector: &Definition, mut settings: Settings) -> Vec<(i64, SettingBody)> {
    let body = |setting: &Setting| {
        let mut body = SettingBody {
            name: setting.name,
            r#type: setting.kind.name().into(),
            string_value: None,
            int_value: None,
            checkbox_value: None,
            is_set: setting.kind == Kind::CheckBox,
            needs_reentry: false,
        };
        match settings.0.remove(&setting.id) {
            None if setting.kind == Kind::CheckBox => body.checkbox_value = Some(false),
            None => {}
            Some(value) => {
                body.is_set = true;
                match value {
                    StoredValue::Open(Value::Text(t)) => body.string_value = Some(t),
                    StoredValue::Open(Value::Integer(n)) => body.int_value = Some(n),
                    StoredValue::Open(Value::Flag(f)) => body.checkbox_value = Some(f),
                    StoredValue::Sealed { needs_reentry, .. } => body.needs_reentry = needs_reentry,
                }
            }
        }
        (setting.id, body)
    };
    connector.settings.iter().map(body).collect()
}
