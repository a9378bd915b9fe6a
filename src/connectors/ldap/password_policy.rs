//! Password policy of the account, from the response to a bind (draft-behera-ldap-password-policy-10, section 6).

use super::ber::{BerError, Reader, SEQUENCE, unsigned};
use super::remark::Remark;
use crate::domain::text::count;

/// OID of the request and response controls.
pub(super) const PASSWORD_POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

const WARNING: u8 = 0xa0;
const EXPIRES: u8 = 0x80;
const GRACE: u8 = 0x81;
const ERROR: u8 = 0x81;

const PASSWORD_EXPIRED: u32 = 0;
const ACCOUNT_LOCKED: u32 = 1;
const CHANGE_AFTER_RESET: u32 = 2;

const CHANGE: &str =
    "Give the account a new password in the directory and enter it here, or exempt it from the policy.";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Seconds, once the directory warns.
    pub expires_in: Option<u32>,
    /// Remaining binds with an expired password.
    pub grace_logins: Option<u32>,
    pub error: Option<u32>,
}

impl PasswordPolicy {
    /// Parses the response control; a malformed one is ignored, since the bind matters more.
    pub(super) fn of(value: &[u8]) -> PasswordPolicy {
        PasswordPolicy::read(value).unwrap_or_else(|error| {
            tracing::warn!(%error, "malformed password policy control");
            PasswordPolicy::default()
        })
    }

    fn read(value: &[u8]) -> Result<PasswordPolicy, BerError> {
        let mut outer = Reader::new(value);
        let mut response = Reader::new(outer.take(SEQUENCE)?);
        outer.end()?;
        let mut policy = PasswordPolicy::default();
        if let Some(warning) = response.optional(WARNING)? {
            let mut warning = Reader::new(warning);
            policy.expires_in = warning.optional(EXPIRES)?.map(unsigned).transpose()?;
            policy.grace_logins = warning.optional(GRACE)?.map(unsigned).transpose()?;
            warning.end()?;
        }
        policy.error = response.optional(ERROR)?.map(unsigned).transpose()?;
        response.end()?;
        Ok(policy)
    }

    pub(super) fn must_change(self) -> bool {
        self.error == Some(CHANGE_AFTER_RESET)
    }

    pub(super) fn refusal(self) -> Option<&'static str> {
        match self.error? {
            PASSWORD_EXPIRED => Some("password expired"),
            ACCOUNT_LOCKED => Some("locked"),
            CHANGE_AFTER_RESET => Some("must change password"),
            _ => None,
        }
    }

    pub(super) fn remark(self) -> Option<Remark> {
        let (code, message) = if self.must_change() {
            ("mustChangePassword", "the account must change its password before the directory serves it".to_owned())
        } else if let Some(left) = self.grace_logins {
            let left = count(left as usize, "more bind");
            ("passwordExpired", format!("the password of the account has expired; the directory allows {left}"))
        } else {
            let left = period(self.expires_in?);
            ("passwordExpires", format!("the password of the account expires in {left}"))
        };
        Some(Remark { code: code.to_owned(), message, remedy: CHANGE })
    }
}

/// Duration in the largest unit of which there are at least two.
fn period(seconds: u32) -> String {
    let seconds = seconds as usize;
    match seconds {
        172_800.. => count(seconds / 86_400, "day"),
        7_200.. => count(seconds / 3_600, "hour"),
        120.. => count(seconds / 60, "minute"),
        _ => count(seconds, "second"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &[u8]) -> PasswordPolicy {
        PasswordPolicy::read(value).expect("a response")
    }

    #[test]
    fn a_response_is_read() {
        let none = PasswordPolicy::default();
        assert_eq!(read(&[0x30, 0]), none);
        let expires = [0x30, 6, 0xa0, 4, 0x80, 2, 0x0e, 0x10];
        assert_eq!(read(&expires), PasswordPolicy { expires_in: Some(3600), ..none });
        assert_eq!(read(&[0x30, 5, 0xa0, 3, 0x81, 1, 2]), PasswordPolicy { grace_logins: Some(2), ..none });
        assert!(read(&[0x30, 3, 0x81, 1, 2]).must_change());
        let both = [0x30, 8, 0xa0, 3, 0x81, 1, 0, 0x81, 1, 0];
        assert_eq!(read(&both), PasswordPolicy { grace_logins: Some(0), error: Some(0), ..none });
        for broken in [&[][..], &[0x30, 1], &[0x30, 2, 0x05, 0], &[0x30, 3, 0x81, 1, 2, 0], &[0x30, 2, 0x81, 0]] {
            assert!(PasswordPolicy::read(broken).is_err(), "{broken:02x?}");
        }
    }

    #[test]
    fn a_refusal_has_the_words_of_active_directory() {
        let of = |error| PasswordPolicy { error: Some(error), ..PasswordPolicy::default() }.refusal();
        assert_eq!(of(PASSWORD_EXPIRED), Some("password expired"));
        assert_eq!(of(ACCOUNT_LOCKED), Some("locked"));
        assert_eq!(of(CHANGE_AFTER_RESET), Some("must change password"));
        assert_eq!(of(7), None);
    }

    #[test]
    fn what_is_near_its_end_is_remarked_on() {
        let none = PasswordPolicy::default();
        let text = |policy: PasswordPolicy| policy.remark().map(|r| r.message).unwrap_or_default();
        assert_eq!(none.remark(), None);
        for (seconds, left) in [(259_200, "3 days"), (86_400, "24 hours"), (3_600, "60 minutes"), (1, "1 second")] {
            let policy = PasswordPolicy { expires_in: Some(seconds), ..none };
            assert_eq!(text(policy), format!("the password of the account expires in {left}"));
        }
        let grace = PasswordPolicy { grace_logins: Some(1), ..none };
        assert!(text(grace).ends_with("has expired; the directory allows 1 more bind"));
        assert!(text(PasswordPolicy { error: Some(CHANGE_AFTER_RESET), ..none }).contains("must change its password"));
    }
}
