//! Validated settings of a file; errors are found before the file is opened.

use super::culture::Culture;
use super::encoding::Encoding;
use crate::connectors::definitions::{self, file_setting as id};
use crate::domain::setting::{SettingErrors, Values};

/// Characters in the name of a type or column.
pub(super) const MAX_NAME: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSettings {
    /// Below the connector files folder, as entered.
    pub(super) path: String,
    pub(super) mode: Mode,
    pub(super) types: Types,
    pub(super) culture: Culture,
    pub(super) encoding: Encoding,
    /// ASCII, neither a quote nor a line break.
    pub(super) delimiter: u8,
    /// Not empty.
    pub(super) value_delimiter: Option<String>,
    /// A bad row ends the import instead of being skipped.
    pub(super) stop: bool,
}

/// Direction of use, as it matters for reading a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The file must exist.
    Read,
    /// The first export may create the file.
    ExportOnly,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Types {
    Fixed(String),
    /// Values of the column of this name.
    Column(String),
}

impl FileSettings {
    /// Validates stored values.
    pub fn read(values: &Values) -> Result<FileSettings, SettingErrors> {
        let mut errors = SettingErrors::default();
        let definition = definitions::by_id(definitions::FILE).map(|d| d.settings).unwrap_or_default();
        for setting in definition.iter().filter(|s| s.required && values.text(s.id).is_empty()) {
            errors.add(setting.id, format!("{} is required", setting.name));
        }
        let culture = errors.keep(culture(values.text(id::CULTURE)));
        let types = errors.keep(types(values));
        let delimiter = errors.keep(delimiter(values.text(id::DELIMITER)));
        let encoding = errors.keep(encoding(values.text(id::ENCODING)));
        let (Some(culture), Some(types), Some(delimiter), Some(encoding), true) =
            (culture, types, delimiter, encoding, errors.is_empty())
        else {
            return Err(errors);
        };
        let value_delimiter = Some(values.text(id::MULTI_VALUE_DELIMITER)).filter(|t| !t.is_empty());
        Ok(FileSettings {
            path: values.text(id::FILE_PATH).to_owned(),
            mode: if values.text(id::MODE) == "Export Only" { Mode::ExportOnly } else { Mode::Read },
            types,
            culture,
            encoding,
            delimiter,
            value_delimiter: value_delimiter.map(str::to_owned),
            stop: values.flag(id::STOP_ON_FIRST_ERROR),
        })
    }

    /// Message about the file; `what` begins with a blank, or with a colon and a blank.
    pub(super) fn message(&self, what: &str) -> String {
        format!("File Path {:?}{what}", self.path)
    }
}

fn culture(name: &str) -> Result<Culture, (i64, String)> {
    let unknown = || (id::CULTURE, format!("Culture {name:?} is not known; name one such as en-GB, de-DE or fr"));
    if name.is_empty() { Ok(Culture::INVARIANT) } else { Culture::named(name).ok_or_else(unknown) }
}

fn encoding(name: &str) -> Result<Encoding, (i64, String)> {
    Encoding::named(name).ok_or_else(|| (id::ENCODING, format!("Encoding {name:?} is not known")))
}

fn types(values: &Values) -> Result<Types, (i64, String)> {
    let invalid = |why: String| Err((id::OBJECT_TYPE, why));
    let (fixed, column) = (values.text(id::OBJECT_TYPE), values.text(id::OBJECT_TYPE_COLUMN));
    let types = match (fixed, column) {
        ("", "") => return invalid("Object Type or Object Type Column is required".to_owned()),
        ("", column) => Types::Column(column.to_owned()),
        (fixed, _) => Types::Fixed(fixed.to_owned()),
    };
    match &types {
        Types::Fixed(name) if name.chars().count() > MAX_NAME => {
            invalid(format!("Object Type must be at most {MAX_NAME} characters"))
        }
        Types::Fixed(name) if name.contains(char::is_control) => {
            invalid("Object Type must not hold control characters".to_owned())
        }
        _ => Ok(types),
    }
}

fn delimiter(text: &str) -> Result<u8, (i64, String)> {
    match text.as_bytes() {
        [] => Ok(b','),
        [one] if one.is_ascii() && !matches!(one, b'"' | b'\n' | b'\r' | 0) => Ok(*one),
        _ => Err((
            id::DELIMITER,
            format!(
                "Delimiter {text:?} must be one ASCII character that is neither a quote nor a line break, for example \
                 a comma, a semicolon or a tab"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::file::tests::values;

    #[test]
    fn invalid_settings_are_named() {
        for (changes, wanted) in [
            (vec![(id::FILE_PATH, "")], "File Path is required"),
            (vec![(id::MODE, "")], "Mode is required"),
            (vec![(id::OBJECT_TYPE, "")], "Object Type or Object Type Column is required"),
            (vec![(id::DELIMITER, ";;")], "Delimiter \";;\" must be one ASCII character"),
            (vec![(id::DELIMITER, "\"")], "Delimiter \"\\\"\" must be"),
            (vec![(id::DELIMITER, "\n")], "Delimiter \"\\n\" must be"),
            (vec![(id::DELIMITER, "\r")], "Delimiter \"\\r\" must be"),
            (vec![(id::DELIMITER, "§")], "Delimiter \"§\" must be"),
            (vec![(id::CULTURE, "xx-YY")], "Culture \"xx-YY\" is not known"),
            (vec![(id::ENCODING, "UTF-7")], "Encoding \"UTF-7\" is not known"),
            (vec![(id::OBJECT_TYPE, &"é".repeat(257))], "Object Type must be at most 256 characters"),
            (vec![(id::OBJECT_TYPE, "per\u{1b}son")], "Object Type must not hold control characters"),
        ] {
            let error = FileSettings::read(&values(&changes)).expect_err(wanted).to_string();
            assert!(error.starts_with(wanted), "{error} does not start with {wanted}");
            assert!(!error.ends_with('.'), "{error}");
        }
    }

    #[test]
    fn what_is_set_is_what_is_used() {
        let read = |changes: &[(i64, &str)]| FileSettings::read(&values(changes)).expect("good settings");
        let plain = read(&[]);
        assert_eq!((plain.path.as_str(), plain.mode, plain.delimiter), ("people.csv", Mode::Read, b','));
        assert_eq!((plain.value_delimiter.as_deref(), plain.culture), (Some("|"), Culture::INVARIANT));
        assert_eq!(plain.types, Types::Fixed("person".to_owned()));

        let both = read(&[(id::OBJECT_TYPE_COLUMN, "kind")]);
        assert_eq!(both.types, Types::Fixed("person".to_owned()), "Object Type wins");
        let column = read(&[(id::OBJECT_TYPE, ""), (id::OBJECT_TYPE_COLUMN, "kind")]);
        assert_eq!(column.types, Types::Column("kind".to_owned()));

        for (text, encoding) in [("", Encoding::Utf8), ("UTF-16", Encoding::Utf16), ("ISO-8859-1", Encoding::Iso8859)] {
            assert_eq!(read(&[(id::ENCODING, text)]).encoding, encoding, "{text:?}");
        }
        for (text, byte) in [("", b','), ("\t", b'\t'), (";", b';'), ("|", b'|'), (" ", b' ')] {
            assert_eq!(read(&[(id::DELIMITER, text)]).delimiter, byte, "{text:?}");
        }
        assert_eq!(read(&[(id::MULTI_VALUE_DELIMITER, "")]).value_delimiter, None);
        assert_eq!(read(&[(id::MULTI_VALUE_DELIMITER, " // ")]).value_delimiter.as_deref(), Some(" // "));
        for (mode, wanted) in
            [("Import Only", Mode::Read), ("Bidirectional", Mode::Read), ("Export Only", Mode::ExportOnly)]
        {
            assert_eq!(read(&[(id::MODE, mode)]).mode, wanted);
        }
        assert_eq!(read(&[(id::OBJECT_TYPE, &"é".repeat(256))]).types, Types::Fixed("é".repeat(256)));
    }
}
