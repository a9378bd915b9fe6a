//! The directory of the demonstration and of the fault tests.
