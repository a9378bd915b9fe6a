//! The schema of a delimited file.
