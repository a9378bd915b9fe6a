//! The schemas of real directories, counted another way.
