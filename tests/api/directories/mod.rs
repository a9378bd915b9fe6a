//! Real directory servers, started by the tests.

mod openldap;
mod schema;
mod situations;
