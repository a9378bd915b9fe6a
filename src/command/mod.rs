//! Commands of the program, one file each: arguments and output. The work is in the library.

/// Prints a line; a closed pipe (`jim check | head`) is not an error. Terminal control characters are escaped.
macro_rules! say {
    () => { say!("") };
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), "{}", $crate::command::plain::lines(&format!($($text)*)));
    }};
}

pub mod api_key;
pub mod backup;
pub mod check;
pub mod demo;
pub mod help;
pub mod manual;
pub mod plain;
pub mod progress;
pub mod remote;
pub mod restore;
pub mod rotate_key;
pub mod run;
pub mod serve;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

use jim::config::{Config, DEFAULT_FILE, INFRASTRUCTURE_KEY, chosen};
use jim::db::OpenError;
use jim::error::Error;
use jim::ops::start::StartError;

/// Error of a command, with its exit code.
pub struct Exit {
    code: u8,
    message: String,
}

impl Exit {
    /// 64: the arguments.
    pub fn usage(message: impl Into<String>) -> Self {
        Exit { code: 64, message: message.into() }
    }

    /// 65: a damaged file.
    pub fn damaged(message: impl Into<String>) -> Self {
        Exit { code: 65, message: message.into() }
    }

    /// 69: the address, or a server that does not answer.
    pub fn address(message: impl Into<String>) -> Self {
        Exit { code: 69, message: message.into() }
    }

    /// 74: the disk or the system.
    pub fn io(message: impl Into<String>) -> Self {
        Exit { code: 74, message: message.into() }
    }

    /// 75: another process holds the file.
    pub fn locked(message: impl Into<String>) -> Self {
        Exit { code: 75, message: message.into() }
    }

    /// 77: what is there forbids it, or the server does.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Exit { code: 77, message: message.into() }
    }

    /// 78: configuration or keyring.
    pub fn configuration(message: impl Into<String>) -> Self {
        Exit { code: 78, message: message.into() }
    }

    /// 1 or 2: how a run ended, which was printed already.
    pub fn of_run(code: u8) -> Self {
        Exit::of_run_with(code, String::new())
    }

    pub fn of_run_with(code: u8, message: String) -> Self {
        Exit { code, message }
    }

    /// Prints what is wrong with the arguments, with the usage below it.
    pub fn arguments(fault: &clap::Error) -> ExitCode {
        use std::io::Write as _;
        let text = fault.render().to_string();
        // Where a command is missing the library shows the help alone.
        let message =
            text.strip_prefix("error: ").map_or_else(|| format!("a command is missing\n\n{text}"), str::to_owned);
        let _ = write!(std::io::stderr(), "jim: {}", plain::lines(&message));
        ExitCode::from(64)
    }

    /// Prints the message to standard error, each line with the name of the program.
    pub fn report(self) -> ExitCode {
        for line in self.message.lines() {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "jim: {}", plain::one_line(line));
        }
        ExitCode::from(self.code)
    }
}

impl From<OpenError> for Exit {
    fn from(fault: OpenError) -> Self {
        let message = fault.to_string();
        match fault {
            OpenError::Missing(_) => Exit::io(format!("{message}; {}", path_origin())),
            OpenError::Damaged(_) => Exit::damaged(message),
            OpenError::Io(_) => Exit::io(message),
            OpenError::Locked(_) => Exit::locked(format!("{message}; stop it, or wait until it has ended")),
            OpenError::Unsafe(_) => Exit::configuration(message),
        }
    }
}

impl From<StartError> for Exit {
    fn from(fault: StartError) -> Self {
        match fault {
            StartError::Database(fault) => fault.into(),
            StartError::Configuration(message) => Exit::configuration(message),
            StartError::Store(error) => error.into(),
        }
    }
}

impl From<Error> for Exit {
    fn from(error: Error) -> Self {
        match &error {
            Error::Invalid(faults) => {
                let lines: Vec<String> = faults.iter().map(|(k, v)| format!("{k}: {}", v.join(" "))).collect();
                Exit::usage(lines.join("\n"))
            }
            Error::NotFound { .. } | Error::NoId { .. } | Error::BadRequest(_) => Exit::usage(error.to_string()),
            Error::Conflict(_) => Exit::forbidden(error.to_string()),
            Error::Damaged { .. } => Exit::damaged(error.chain()),
            _ => Exit::io(error.chain()),
        }
    }
}

/// Origin of the path of the database, for an error that it is missing.
fn path_origin() -> String {
    let folder = std::env::current_dir().map_or_else(|_| "the working folder".to_owned(), |d| d.display().to_string());
    let file = READ.get().cloned().flatten();
    match file {
        Some(file) => format!("{} was read; [database] path or JIM_DATABASE_PATH names the database", file.display()),
        None => format!(
            "no {DEFAULT_FILE} was read, since there is none in {folder}: run it in the server's folder, or name the \
             server's configuration with --config"
        ),
    }
}

/// Configuration file that was read, if any.
static READ: OnceLock<Option<PathBuf>> = OnceLock::new();

/// Reads the configuration; the error lists every problem.
pub fn load_config(named: Option<&Path>) -> Result<Config, Exit> {
    load_config_with(named, None)
}

/// Reads the configuration under the address of an argument, if there is one.
pub fn load_config_with(named: Option<&Path>, listen: Option<SocketAddr>) -> Result<Config, Exit> {
    let read = chosen(named).map(Path::to_owned);
    let _ = READ.set(read.map(|file| std::path::absolute(&file).unwrap_or(file)));
    // An unreadable variable must not count as absent: another database would be used.
    let ours = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let others = [&[INFRASTRUCTURE_KEY], &remote::VARIABLES[..]].concat();
    let environment: Result<Vec<_>, _> = ours
        .filter(|(name, _)| name.starts_with("JIM_") && !others.contains(&name.as_str()))
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(Exit::configuration(format!("{name}: is not valid UTF-8"))),
        })
        .collect();
    Config::load(named, environment?.into_iter(), listen).map_err(Exit::configuration)
}

/// Installs the signal handlers and returns a future that resolves on SIGINT or SIGTERM.
pub fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static, Exit> {
    use tokio::signal::unix::{SignalKind, signal};
    let cannot = |e: std::io::Error| Exit::io(format!("cannot wait for signals: {e}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
