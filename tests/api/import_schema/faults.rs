//! Schemas that cannot be read, or that are not what they should be.
