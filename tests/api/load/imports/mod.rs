//! Imports beside imports, beside writes, and without their callers.

mod callers;
mod keys;
mod selections;
mod settings;
mod together;
