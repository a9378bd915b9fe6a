//! What an administrator should know about a schema that was read: one warning for each reason.

/// How many names a warning tells.
const MAX_TOLD: usize = 10;
/// Characters of a name that are told.
const MAX_NAME: usize = 100;

/// Names of one sort, the first of which are told.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    count: usize,
    first: Vec<String>,
}

impl Tally {
    /// One more.
    pub fn add(&mut self, name: &str) {
        self.count += 1;
        if self.first.len() < MAX_TOLD {
            self.first.push(name.chars().take(MAX_NAME).collect());
        }
    }
}

/// Everything odd about a schema, none of which keeps it from being read.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Findings {
    /// Definitions of classes that cannot be read.
    pub broken_classes: Tally,
    /// Definitions of attributes that cannot be read.
    pub broken_attributes: Tally,
    /// Content rules that cannot be read.
    pub broken_rules: Tally,
    /// Classes under a name that another one has.
    pub repeated_classes: Tally,
    /// Attributes under a name that another one has.
    pub repeated_attributes: Tally,
    /// Classes that others are made of and nothing declares.
    pub missing_classes: Tally,
    /// Attributes that classes name and nothing declares.
    pub missing_attributes: Tally,
    /// Attributes that should have the syntax of another one and cannot.
    pub missing_syntaxes: Tally,
    /// No attribute is fit to be the external id.
    pub no_external_id: bool,
}

impl Findings {
    /// Whether every definition could be read. One that could not may be a type that was read before, or give attributes
    /// to others.
    pub fn is_whole(&self) -> bool {
        [&self.broken_classes, &self.broken_attributes, &self.broken_rules].iter().all(|tally| tally.count == 0)
    }

    /// The warnings; names are a stranger's text, which `clean` makes fit to be shown.
    pub fn warnings(&self, clean: impl Fn(&str) -> String) -> Vec<String> {
        let told = [
            (
                &self.broken_classes,
                "object class cannot be read and is",
                "object classes cannot be read and are",
                "left out",
            ),
            (
                &self.broken_attributes,
                "attribute type cannot be read and is",
                "attribute types cannot be read and are",
                "left out",
            ),
            (
                &self.broken_rules,
                "content rule cannot be read and is",
                "content rules cannot be read and are",
                "left out",
            ),
            (
                &self.repeated_classes,
                "object class has a name that is taken and is",
                "object classes have names that are taken and are",
                "left out",
            ),
            (
                &self.repeated_attributes,
                "attribute type has a name that is taken and is",
                "attribute types have names that are taken and are",
                "left out",
            ),
            (
                &self.missing_classes,
                "class that others are made of is",
                "classes that others are made of are",
                "not declared",
            ),
            (
                &self.missing_attributes,
                "attribute that classes name is",
                "attributes that classes name are",
                "not declared and left out",
            ),
            (
                &self.missing_syntaxes,
                "attribute type has no syntax that is declared and is",
                "attribute types have no syntax that is declared and are",
                "taken for text",
            ),
        ];
        let sentence = |(tally, one, many, what): (&Tally, &str, &str, &str)| {
            let names: Vec<String> = tally.first.iter().map(|name| clean(name)).collect();
            let more = match tally.count - names.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let sort = if tally.count == 1 { one } else { many };
            format!("{} {sort} {what}: {}{more}", tally.count, names.join(", "))
        };
        let mut warnings: Vec<String> = told.into_iter().filter(|(tally, ..)| tally.count > 0).map(sentence).collect();
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
                "12 object classes cannot be read and are left out: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 2 more"
                    .to_owned(),
                format!("1 object class has a name that is taken and is left out: {}", "x".repeat(100)),
                "1 attribute that classes name is not declared and left out: a?".to_owned(),
                "neither entryUUID nor nsUniqueId is shown or declared: no external id is recommended, choose one"
                    .to_owned(),
            ]
        );
    }
}
