//! The operator's guide: one page per subject.
//!
//! A page is plain text and Markdown at once: `jim help TOPIC` prints it as it is, the server shows it in a browser, and
//! this documentation renders it. Code blocks name their language, or rustdoc would compile them.

/// A page of the guide.
pub struct Page {
    /// Name of the page on the command line and in its address.
    pub topic: &'static str,
    /// Contents in a few words, for lists.
    pub about: &'static str,
    pub text: &'static str,
}

/// Every page, in the order in which an operator needs them.
pub const PAGES: [Page; 9] = [
    Page {
        topic: "directories",
        about: "accounts, imports, selection, what is found, delimited files",
        text: include_str!("directories.md"),
    },
    Page {
        topic: "imports",
        about: "run profiles, jim run, missing objects, the brake, activities",
        text: include_str!("imports.md"),
    },
    Page {
        topic: "configuration",
        about: "jim.toml, TLS, a proxy in front, settings of the running service",
        text: include_str!("configuration.md"),
    },
    Page {
        topic: "jim.toml",
        about: "every key of the configuration, as a file to start from",
        text: include_str!("../../jim.toml.example"),
    },
    Page {
        topic: "service",
        about: "the systemd unit, commands beside it, a nightly backup, upgrades",
        text: include_str!("service.md"),
    },
    Page {
        topic: "backup",
        about: "backup, restore, a new master key, files, disk failures",
        text: include_str!("backup.md"),
    },
    Page {
        topic: "security",
        about: "API keys, rate limits, the audit log, certificates, what is not defended",
        text: include_str!("security.md"),
    },
    Page {
        topic: "monitoring",
        about: "health, metrics, alerts, log, activities",
        text: include_str!("monitoring.md"),
    },
    Page {
        topic: "troubleshooting",
        about: "messages and what to do about them",
        text: include_str!("troubleshooting.md"),
    },
];

/// Finds a page by its topic.
pub fn page(topic: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.topic == topic)
}

#[doc = include_str!("directories.md")]
pub mod directories {}

#[doc = include_str!("imports.md")]
pub mod imports {}

#[doc = include_str!("configuration.md")]
pub mod configuration {}

#[doc = include_str!("service.md")]
pub mod service {}

#[doc = include_str!("backup.md")]
pub mod backup {}

#[doc = include_str!("security.md")]
pub mod security {}

#[doc = include_str!("monitoring.md")]
pub mod monitoring {}

#[doc = include_str!("troubleshooting.md")]
pub mod troubleshooting {}
