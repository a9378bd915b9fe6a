//! From an older file to this version's, one step and one transaction per version.
//!
//! `schema.sql` is the whole of a new file. Before the first release there is nothing older; from then on every
//! edit of it appends a step here, and a test holds upgraded and fresh equal.

use rusqlite::{Connection, TransactionBehavior};

/// "JIM1": marks the file as ours.
pub const APPLICATION_ID: i32 = 0x4a49_4d31;
/// The version that this program writes.
pub const VERSION: i32 = 1;
/// The oldest version that there is a way from.
pub const OLDEST: i32 = 1;

const SCHEMA: &str = include_str!("../../schema.sql");

/// Fills an empty file. All or nothing.
pub fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(SCHEMA)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_stamps_the_file() {
        let mut connection = Connection::open_in_memory().expect("memory");
        create(&mut connection).expect("schema");
        let pragma = |name| connection.pragma_query_value(None, name, |r| r.get::<_, i32>(0)).expect("pragma");
        assert_eq!((pragma("application_id"), pragma("user_version")), (APPLICATION_ID, VERSION));
    }
}
