//! Imports beside imports, beside writes, and without their callers.

mod callers;
mod selections;
mod settings;
mod together;
