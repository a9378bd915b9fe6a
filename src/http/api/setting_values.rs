//! Values of connector settings in requests and answers. Answers never hold the value of a secret.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::connectors::definitions::Definition;
use crate::domain::connected_system::{Settings, StoredValue};
use crate::domain::setting::{Input, Kind, Setting, Value};
use crate::http::wire::{Errors, Field, Integer, Node, choice, key, object, printable_key, request};
use crate::ops::connected_systems::SettingInputs;

choice! {
    /// Type of a connector setting; those after `File` have no value and are reserved.
    pub(super) struct SettingType: Kind::ALL.iter().map(|kind| kind.name()).chain(["Heading", "Label", "Text", "Divider"]);
}

#[derive(Serialize, Default, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SettingValue {
    name: &'static str,
    r#type: SettingType,
    /// Value of a text, choice or file; null for secrets
    string_value: Option<String>,
    int_value: Option<i64>,
    checkbox_value: Option<bool>,
    /// Whether a value is stored
    is_set: bool,
    /// Whether a stored secret must be sent again because host, port, TLS or username changed
    needs_reentry: bool,
}

request! {
    /// Value of a setting, in the member of its type.
    #[derive(Default)]
    pub(super) struct SettingValueRequest {
        /// Value of a text, choice, file or secret; an empty one clears the setting
        #[schema(max_length = 4096, pattern = r"^[^\x00]*$")]
        string_value: Option<String>,
        int_value: Option<Integer>,
        checkbox_value: Option<bool>,
    }
}

/// Setting values of a request, with their format errors, to which the operation adds its own.
pub(super) struct SettingValues(pub(super) SettingInputs);

/// Settings of a request, far more than any connector has.
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

/// Serialises pairs as an object.
pub(super) fn as_object<S: Serializer>(pairs: &[(i64, SettingValue)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pairs.iter().map(|(id, body)| (id, body)))
}

pub(super) fn settings_of(connector: &Definition, mut settings: Settings) -> Vec<(i64, SettingValue)> {
    let body = |setting: &Setting| {
        let value = settings.0.remove(&setting.id);
        let is_check_box = setting.kind == Kind::CheckBox;
        let mut body = SettingValue {
            name: setting.name,
            r#type: setting.kind.name().into(),
            checkbox_value: is_check_box.then_some(false),
            is_set: is_check_box || value.is_some(),
            ..SettingValue::default()
        };
        match value {
            None => {}
            Some(StoredValue::Open(Value::Text(t))) => body.string_value = Some(t),
            Some(StoredValue::Open(Value::Integer(n))) => body.int_value = Some(n),
            Some(StoredValue::Open(Value::Flag(f))) => body.checkbox_value = Some(f),
            Some(StoredValue::Sealed { needs_reentry, .. }) => body.needs_reentry = needs_reentry,
        }
        (setting.id, body)
    };
    connector.settings.iter().map(body).collect()
}
