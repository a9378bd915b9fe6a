//! Attributes whose values are secrets: never asked for, stored or shown.

/// Lower-case names: passwords, their hashes and histories, and keys, of directories in use.
const SECRETS: [&str; 36] = [
    // RFC 4519, RFC 3112, password policies.
    "userpassword",
    "authpassword",
    "clearpassword",
    "pwdhistory",
    "passwordhistory",
    "userpkcs12",
    // Active Directory (MS-ADTS 3.1.1.4.4 and the local administrators' passwords).
    "unicodepwd",
    "dbcspwd",
    "ntpwdhistory",
    "lmpwdhistory",
    "supplementalcredentials",
    "currentvalue",
    "priorvalue",
    "initialauthincoming",
    "initialauthoutgoing",
    "trustauthincoming",
    "trustauthoutgoing",
    "msds-managedpassword",
    "msds-executescriptpassword",
    "ms-mcs-admpwd",
    "mslaps-password",
    "mslaps-encryptedpassword",
    "mslaps-encryptedpasswordhistory",
    "mslaps-encrypteddsrmpassword",
    "mslaps-encrypteddsrmpasswordhistory",
    // Samba, Kerberos, one-time passwords.
    "sambantpassword",
    "sambalmpassword",
    "sambapasswordhistory",
    "sambaclearpassword",
    "krbprincipalkey",
    "krbmkey",
    "krbpwdhistory",
    "ipanthash",
    "ipatokenotpkey",
    "olcrootpw",
    "nsslapd-rootpw",
];

/// Whether an attribute holds secrets, whatever its case and options.
pub(crate) fn is_secret(description: &str) -> bool {
    let name = description.split(';').next().unwrap_or(description);
    SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_keys_are_secrets_in_any_spelling() {
        for name in ["userPassword", "USERPASSWORD", "userPassword;lang-en", "unicodePwd", "krbPrincipalKey"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["pwdLastSet", "userPasswordHint", "cn", "", ";"] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
