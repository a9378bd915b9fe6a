//! The LDAP connector.
