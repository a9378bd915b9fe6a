//! Date formats of cultures: order and separators of day, month and year. Names of months and eras are not read.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Dmy,
    Mdy,
    Ymd,
}

/// A date format. ISO 8601 is read beside each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Culture {
    pub(super) order: Order,
    /// Characters, each of which separates the parts.
    pub(super) separators: &'static str,
    /// Characters, each of which separates hours, minutes and seconds.
    pub(super) clock: &'static str,
}

use Order::{Dmy, Mdy, Ymd};

impl Culture {
    /// 11/21/2026.
    pub(super) const INVARIANT: Culture = Culture { order: Mdy, separators: "/", clock: ":" };

    /// Culture by name, such as `de`, `de-AT` or `zh-Hans-CN`, ignoring case. A language stands for its countries that
    /// are not listed, except English.
    pub(super) fn named(name: &str) -> Option<Culture> {
        let name = name.to_ascii_lowercase();
        let mut parts = name.split('-');
        let language = parts.next()?;
        let well_formed = |p: &str| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric());
        let parts: Vec<&str> = parts.collect();
        if parts.len() > 2 || !parts.iter().all(|p| well_formed(p)) {
            return None;
        }
        let row = |wanted: &str| CULTURES.iter().find(|(names, ..)| names.split(' ').any(|n| n == wanted));
        let regional = parts.last().and_then(|region| row(&format!("{language}-{region}")));
        let general = || row(language).filter(|_| parts.is_empty() || language != "en");
        let (_, order, separators) = regional.or_else(general)?;
        let clock = if matches!(language, "da" | "fi") { ":." } else { ":" };
        Some(Culture { order: *order, separators, clock })
    }
}

/// Names of one format, order, separators.
const CULTURES: [(&str, Order, &str); 15] = [
    ("en en-us en-ph es-us es-pa es-pr", Mdy, "/"),
    ("en-au en-gb en-hk en-ie en-in en-ke en-mt en-ng en-nz en-sg", Dmy, "/-"),
    ("en-ca en-za", Ymd, "-/"),
    ("bg cs de et hr is lv mk nb nn no pl ro ru sk sl sr tr uk", Dmy, "."),
    ("fr-ch it-ch", Dmy, "."),
    ("da", Dmy, ".-/"),
    ("fi sv-fi", Dmy, "."),
    ("ca el es fr ga it lb mt pt vi", Dmy, "/"),
    ("fr-be es-cl", Dmy, "/-"),
    ("fr-ca pt-mo", Ymd, "-/"),
    ("nl", Dmy, "-"),
    ("nl-be", Dmy, "/-"),
    ("sv lt", Ymd, "-"),
    ("ja zh", Ymd, "/-"),
    ("hu ko", Ymd, ".-"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_with_any_country() {
        for (name, order, separator) in [
            ("en-US", Mdy, "/"),
            ("EN", Mdy, "/"),
            ("en-gb", Dmy, "/"),
            ("en-AU", Dmy, "/"),
            ("en-CA", Ymd, "-"),
            ("en-IE", Dmy, "/"),
            ("en-NZ", Dmy, "/"),
            ("de", Dmy, "."),
            ("de-DE", Dmy, "."),
            ("de-AT", Dmy, "."),
            ("fr-FR", Dmy, "/"),
            ("fr-CH", Dmy, "."),
            ("fr-CA", Ymd, "-"),
            ("es-MX", Dmy, "/"),
            ("es-US", Mdy, "/"),
            ("it-IT", Dmy, "/"),
            ("nl-NL", Dmy, "-"),
            ("pt-BR", Dmy, "/"),
            ("pt-PT", Dmy, "/"),
            ("da-DK", Dmy, "."),
            ("sv-SE", Ymd, "-"),
            ("nb-NO", Dmy, "."),
            ("fi-FI", Dmy, "."),
            ("pl-PL", Dmy, "."),
            ("cs-CZ", Dmy, "."),
            ("ja-JP", Ymd, "/"),
            ("zh-Hans-CN", Ymd, "/"),
            ("ko-KR", Ymd, "."),
        ] {
            let culture = Culture::named(name).unwrap_or_else(|| panic!("{name} is not known"));
            assert_eq!(culture.order, order, "{name}");
            assert!(culture.separators.contains(separator), "{name}");
        }
    }

    #[test]
    fn other_names_are_not_known() {
        for name in ["xx", "xx-DE", "", "-", "de-", "-DE", "en-XX", "german", "de-DE-x-y", "de_DE", "de-Ü"] {
            assert_eq!(Culture::named(name), None, "{name}");
        }
    }
}
