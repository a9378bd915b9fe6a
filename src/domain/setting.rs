//! Connector settings: definitions and validation.
//!
//! Names are interface: scripts find ids by name.

use std::collections::BTreeMap;

use super::names::wire_names;

/// Code points of a text value.
pub const MAX_TEXT: usize = 4096;

wire_names! {
    pub enum Kind {
        Text = "String",
        /// Sealed before it is stored, and never shown.
        Secret = "StringEncrypted",
        Integer,
        DropDown,
        CheckBox,
        /// Path below the connector files folder.
        File,
    }
}

wire_names! {
    pub enum Category {
        Connectivity,
        General,
        Import,
        Export,
    }
}

/// Errors of setting values that no import can start with: a sentence each, by setting id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingErrors(BTreeMap<i64, String>);

impl SettingErrors {
    /// Adds an error, unless the setting has one already.
    pub fn add(&mut self, setting: i64, why: impl Into<String>) {
        self.0.entry(setting).or_insert_with(|| why.into());
    }

    pub fn of(setting: i64, why: impl Into<String>) -> Self {
        let mut errors = SettingErrors::default();
        errors.add(setting, why);
        errors
    }

    /// Keeps the value, or adds the error of the setting that it names.
    pub fn keep<T>(&mut self, read: Result<T, (i64, String)>) -> Option<T> {
        read.map_err(|(setting, why)| self.add(setting, why)).ok()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sentences by setting id.
    pub fn into_map(self) -> BTreeMap<i64, String> {
        self.0
    }
}

impl std::fmt::Display for SettingErrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, why) in self.0.values().enumerate() {
            write!(f, "{}{why}", if i > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    Unset,
    Text(&'static str),
    Integer(i64),
    Flag(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Interface, like the name: never changes.
    pub id: i64,
    pub name: &'static str,
    pub description: &'static str,
    pub category: Category,
    pub kind: Kind,
    /// An import does not start without it.
    pub required: bool,
    pub preset: Preset,
    /// Inclusive.
    pub range: Option<(i64, i64)>,
    pub choices: &'static [&'static str],
    /// Trim leading and trailing whitespace.
    pub trimmed: bool,
    /// Part of the connection target: after a change the stored password must be entered again.
    pub target: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Also of a drop-down or file.
    Text(String),
    Integer(i64),
    Flag(bool),
}

/// A caller's input for one setting; absent and null members change nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Input {
    pub text: Option<String>,
    pub integer: Option<i64>,
    pub flag: Option<bool>,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    None,
    Clear,
    Set(Value),
    Seal(String),
}

impl Setting {
    /// Validates an input. The error names the setting's id, never the value.
    pub fn check(&self, input: &Input) -> Result<Change, String> {
        let wrong = |wanted: &str| Err(format!("Setting {} ({}) takes {wanted}.", self.id, self.name));
        let Input { text, integer, flag } = input;
        match self.kind {
            Kind::Integer if text.is_some() || flag.is_some() => wrong("intValue"),
            Kind::CheckBox if text.is_some() || integer.is_some() => wrong("checkboxValue"),
            Kind::Integer => integer.map_or(Ok(Change::None), |n| self.check_integer(n)),
            Kind::CheckBox => Ok(flag.map_or(Change::None, |f| Change::Set(Value::Flag(f)))),
            _ if integer.is_some() || flag.is_some() => wrong("stringValue"),
            _ => text.as_deref().map_or(Ok(Change::None), |t| self.check_text(t)),
        }
    }

    fn check_integer(&self, n: i64) -> Result<Change, String> {
        match self.range {
            Some((low, high)) if !(low..=high).contains(&n) => {
                Err(format!("Setting {} ({}) must be {low}-{high}.", self.id, self.name))
            }
            _ => Ok(Change::Set(Value::Integer(n))),
        }
    }

    fn check_text(&self, text: &str) -> Result<Change, String> {
        let text = if self.trimmed { text.trim() } else { text };
        if text.is_empty() {
            return Ok(Change::Clear);
        }
        if text.chars().count() > MAX_TEXT {
            return Err(format!("Setting {} ({}) must be at most {MAX_TEXT} characters.", self.id, self.name));
        }
        match self.kind {
            Kind::Secret => Ok(Change::Seal(text.to_owned())),
            Kind::DropDown => match self.choices.iter().find(|c| c.eq_ignore_ascii_case(text)) {
                Some(offered) => Ok(Change::Set(Value::Text((*offered).to_owned()))),
                None => {
                    let offered = self.choices.join(", ");
                    Err(format!("Setting {} ({}) must be one of: {offered}.", self.id, self.name))
                }
            },
            _ => Ok(Change::Set(Value::Text(text.to_owned()))),
        }
    }

    pub fn preset_value(&self) -> Option<Value> {
        match self.preset {
            Preset::Unset => None,
            Preset::Text(t) => Some(Value::Text(t.to_owned())),
            Preset::Integer(n) => Some(Value::Integer(n)),
            Preset::Flag(f) => Some(Value::Flag(f)),
        }
    }
}

/// Stored values by setting id, without secrets.
#[derive(Debug, Clone, Default)]
pub struct Values(pub BTreeMap<i64, Value>);

impl Values {
    /// Empty if none is stored.
    pub fn text(&self, id: i64) -> &str {
        match self.0.get(&id) {
            Some(Value::Text(t)) => t,
            _ => "",
        }
    }

    pub fn integer(&self, id: i64) -> Option<i64> {
        match self.0.get(&id) {
            Some(Value::Integer(n)) => Some(*n),
            _ => None,
        }
    }

    pub fn flag(&self, id: i64) -> bool {
        matches!(self.0.get(&id), Some(Value::Flag(true)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(kind: Kind) -> Setting {
        Setting {
            id: 9,
            name: "Thing",
            description: "",
            category: Category::General,
            kind,
            required: false,
            preset: Preset::Unset,
            range: Some((1, 5)),
            choices: &["Simple", "NTLM"],
            trimmed: true,
            target: false,
        }
    }

    fn text(t: &str) -> Input {
        Input { text: Some(t.to_owned()), ..Input::default() }
    }

    #[test]
    fn values_fit_their_kind() {
        let number = |n| Input { integer: Some(n), ..Input::default() };
        assert!(setting(Kind::Integer).check(&number(5)) == Ok(Change::Set(Value::Integer(5))));
        for bad in [number(0), number(6), text("3")] {
            assert!(setting(Kind::Integer).check(&bad).is_err_and(|e| e.contains("Setting 9")));
        }
        assert!(setting(Kind::DropDown).check(&text(" ntlm ")) == Ok(Change::Set(Value::Text("NTLM".to_owned()))));
        assert!(setting(Kind::DropDown).check(&text("SASL")).is_err_and(|e| !e.contains("SASL")));
        assert!(setting(Kind::Text).check(&text("  ")) == Ok(Change::Clear));
        assert!(setting(Kind::Text).check(&text(&"é".repeat(MAX_TEXT))).is_ok());
        assert!(setting(Kind::Text).check(&text(&"é".repeat(MAX_TEXT + 1))).is_err());
        assert!(setting(Kind::CheckBox).check(&text("true")).is_err());
        assert!(setting(Kind::Secret).check(&Input::default()) == Ok(Change::None));
    }
}
