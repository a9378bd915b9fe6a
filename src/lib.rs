//! `jim`, an identity-synchronisation server in one binary and one SQLite file.
#![forbid(unsafe_code)]

pub mod app;
pub mod config;
pub mod connectors;
pub mod domain;
pub mod error;
pub mod http;
pub mod ops;
pub mod sandbox;
pub mod security;
pub mod store;
pub mod telemetry;
