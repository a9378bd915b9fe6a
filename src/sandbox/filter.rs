//! Evaluation of search filters. Comparison ignores case; a missing attribute is false, as in OpenLDAP.

use super::ber::Attribute;
use super::entry::{folded, is_secret, same_type, same_value};
use ldap3_proto::proto::{LdapFilter, LdapSubstringFilter};

pub(super) fn matches(filter: &LdapFilter, user: &[Attribute], operational: &[Attribute]) -> bool {
    let values = |name: &str| {
        let found = user.iter().chain(operational).find(|(n, _)| same_type(n, name) && !is_secret(n));
        found.map_or(&[][..], |(_, v)| v.as_slice())
    };
    let any = |name: &str, test: &dyn Fn(&str) -> bool| values(name).iter().any(|v| test(&folded(v)));
    match filter {
        LdapFilter::And(parts) => parts.iter().all(|f| matches(f, user, operational)),
        LdapFilter::Or(parts) => parts.iter().any(|f| matches(f, user, operational)),
        LdapFilter::Not(part) => !matches(part, user, operational),
        LdapFilter::Present(name) => !values(name).is_empty(),
        LdapFilter::Equality(name, value) | LdapFilter::Approx(name, value) => {
            values(name).iter().any(|v| same_value(v, value.as_bytes()))
        }
        LdapFilter::GreaterOrEqual(name, value) => any(name, &|v| *v >= *folded(value.as_bytes())),
        LdapFilter::LessOrEqual(name, value) => any(name, &|v| *v <= *folded(value.as_bytes())),
        LdapFilter::Substring(name, parts) => any(name, &|v| substring(v, parts)),
        LdapFilter::Extensible(_) => false,
    }
}

/// Whether a filter names attributes other than objectClass, so that operational ones may be needed.
pub(super) fn needs_operational(filter: &LdapFilter) -> bool {
    match filter {
        LdapFilter::And(parts) | LdapFilter::Or(parts) => parts.iter().any(needs_operational),
        LdapFilter::Not(part) => needs_operational(part),
        LdapFilter::Equality(name, _)
        | LdapFilter::Substring(name, _)
        | LdapFilter::GreaterOrEqual(name, _)
        | LdapFilter::LessOrEqual(name, _)
        | LdapFilter::Present(name)
        | LdapFilter::Approx(name, _) => !same_type(name, "objectClass"),
        LdapFilter::Extensible(_) => false,
    }
}

fn substring(value: &str, parts: &LdapSubstringFilter) -> bool {
    let mut rest = value;
    if let Some(initial) = &parts.initial {
        let Some(after) = rest.strip_prefix(initial.to_lowercase().as_str()) else { return false };
        rest = after;
    }
    for any in &parts.any {
        let Some((_, after)) = rest.split_once(any.to_lowercase().as_str()) else { return false };
        rest = after;
    }
    parts.final_.as_ref().is_none_or(|end| rest.ends_with(end.to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ldap3_proto::parse_ldap_filter_str;

    #[test]
    fn filters_are_evaluated_without_regard_to_case() {
        let attribute = |n: &str, v: &[&str]| (n.to_owned(), v.iter().map(|v| v.as_bytes().to_vec()).collect());
        let user = [
            attribute("objectClass", &["top", "organizationalUnit"]),
            attribute("ou", &["Sales, EMEA"]),
            attribute("userPassword", &["secret"]),
        ];
        let operational = [attribute("entryUUID", &["abc-def"])];
        for (filter, expected) in [
            ("(objectClass=*)", true),
            ("(objectclass=ORGANIZATIONALUNIT)", true),
            ("(objectClass=person)", false),
            ("(|(objectClass=person)(ou=S*EMEA))", true),
            ("(&(objectClass=top)(!(ou=x)))", true),
            ("(&(objectClass=top)(ou=x))", false),
            ("(!(mail=x))", true),
            ("(mail=*)", false),
            ("(ou=sal*em*a)", true),
            ("(ou=*les*)", true),
            ("(ou=sal*emea*emea)", false),
            ("(ou=ales*)", false),
            ("(ou>=s)", true),
            ("(ou<=s)", false),
            ("(entryUUID=abc-def)", true),
            ("(userPassword=secret)", false),
            ("(userPassword=*)", false),
        ] {
            let parsed = parse_ldap_filter_str(filter).expect(filter);
            assert_eq!(matches(&parsed, &user, &operational), expected, "{filter}");
        }
        let blanks = LdapFilter::Equality("OU".to_owned(), " SALES,  emea".to_owned());
        assert!(matches(&blanks, &user, &operational));
    }
}
