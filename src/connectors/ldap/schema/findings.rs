//! Oddities of a schema that was read, one warning for each kind.

use crate::domain::text::count;

const MAX_LISTED: usize = 10;
const MAX_NAME: usize = 100;

/// Number of findings of one kind, with the first names.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    count: usize,
    first: Vec<String>,
}

impl Tally {
    pub fn add(&mut self, name: &str) {
        self.count += 1;
        if self.first.len() < MAX_LISTED {
            self.first.push(name.chars().take(MAX_NAME).collect());
        }
    }
}

/// Oddities that do not prevent reading the schema.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Findings {
    pub broken_classes: Tally,
    pub broken_attributes: Tally,
    pub broken_rules: Tally,
    pub repeated_classes: Tally,
    pub repeated_attributes: Tally,
    pub missing_classes: Tally,
    pub missing_attributes: Tally,
    /// Attributes that inherit a syntax which is not declared.
    pub missing_syntaxes: Tally,
    pub no_external_id: bool,
}

impl Findings {
    /// Whether every definition could be read. A broken one may be a type stored before, or add attributes to others.
    pub fn is_whole(&self) -> bool {
        [&self.broken_classes, &self.broken_attributes, &self.broken_rules].iter().all(|tally| tally.count == 0)
    }

    /// Warnings; `clean` sanitises names, which are the directory's text.
    pub fn warnings(&self, clean: impl Fn(&str) -> String) -> Vec<String> {
        let tallies = [
            (&self.broken_classes, "object class", "left out as unreadable"),
            (&self.broken_attributes, "attribute type", "left out as unreadable"),
            (&self.broken_rules, "content rule", "left out as unreadable"),
            (&self.repeated_classes, "object class", "left out because of a name that is taken"),
            (&self.repeated_attributes, "attribute type", "left out because of a name that is taken"),
            (&self.missing_classes, "class", "mentioned but not declared"),
            (&self.missing_attributes, "attribute", "mentioned but not declared, left out"),
            (&self.missing_syntaxes, "attribute type", "without a declared syntax, treated as text"),
        ];
        let warning = |(tally, noun, what): (&Tally, &str, &str)| {
            let names: Vec<String> = tally.first.iter().map(|name| clean(name)).collect();
            let more = match tally.count - names.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{} {what}: {}{more}", count(tally.count, noun), names.join(", "))
        };
        let mut warnings: Vec<String> = tallies.into_iter().filter(|(t, ..)| t.count > 0).map(warning).collect();
        if self.no_external_id {
            warnings.push(
                "neither entryUUID nor nsUniqueId is shown or declared: no external id is recommended, choose one"
                    .to_owned(),
            );
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_one_warning() {
        let mut findings = Findings::default();
        assert_eq!(findings.warnings(str::to_owned), [""; 0]);
        findings.missing_attributes.add("a\u{7}");
        for i in 0..12 {
            findings.broken_classes.add(&format!("c{i}"));
        }
        findings.repeated_classes.add(&"x".repeat(1_000));
        findings.no_external_id = true;
        assert_eq!(
            findings.warnings(|name| name.replace('\u{7}', "?")),
            [
                "12 object classes left out as unreadable: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 2 more"
                    .to_owned(),
                format!("1 object class left out because of a name that is taken: {}", "x".repeat(100)),
                "1 attribute mentioned but not declared, left out: a?".to_owned(),
                "neither entryUUID nor nsUniqueId is shown or declared: no external id is recommended, choose one"
                    .to_owned(),
            ]
        );
    }
}
