//! The program: arguments to commands, errors to exit codes.
//!
//! Exit codes: 0 done, 1 and 2 a run with warnings or errors, 64 usage, 65 damaged file or backup, 69 address not available, 74 I/O, 75 lock held,
//! 77 conflict with existing data, 78 configuration or keyring.
#![forbid(unsafe_code)]

mod command;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use command::{Exit, api_key, backup, check, demo, help, manual, restore, rotate_key, run, serve};

// Returns freed memory to the system soon, unlike the default allocator; configured in .cargo/config.toml.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// An identity-synchronisation server in one binary and one SQLite file.
#[derive(Parser)]
#[command(name = "jim", version, after_help = help::jim(), disable_help_subcommand = true)]
struct Arguments {
    /// Configuration file; by default ./jim.toml, if it exists.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API until SIGINT or SIGTERM (default).
    #[command(after_help = help::SERVE)]
    Serve(serve::Arguments),
    /// Demonstrate jim with a temporary directory and database.
    #[command(after_help = help::DEMO)]
    Demo(demo::Arguments),
    /// Have a running server execute a run profile, and wait for the end.
    #[command(after_help = help::RUN)]
    Run(run::Arguments),
    /// Create, list and delete API keys of a stopped server.
    #[command(after_help = help::API_KEY)]
    ApiKey {
        #[command(subcommand)]
        action: api_key::Action,
    },
    /// Check database and keyring without changing them; also beside a running server.
    #[command(after_help = help::CHECK)]
    Check,
    /// Copy the database, without the keyring, into a new folder; also beside a running server.
    #[command(after_help = help::BACKUP)]
    Backup {
        /// New or empty folder.
        dir: PathBuf,
    },
    /// Restore a backup for a stopped server without a database.
    #[command(after_help = help::RESTORE)]
    Restore {
        /// Folder made by jim backup.
        dir: PathBuf,
    },
    /// Create a master key and seal every secret with it, for a stopped server.
    #[command(after_help = help::ROTATE_KEY)]
    RotateKey,
    /// Print the completion script of a shell.
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// Shell that will read the script.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    #[command(after_help = help::MAN)]
    Man,
    /// Print the version.
    #[command(after_help = help::VERSION)]
    Version,
    /// Print a page of the guide, or the help of a command.
    #[command(after_help = help::topics())]
    Help {
        /// A topic of the guide, or a command.
        #[arg(value_name = "TOPIC|COMMAND")]
        about: Vec<String>,
    },
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => return Exit::arguments(&error),
        Err(error) => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
    };
    restrict_access();
    raise_file_limit();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return Exit::io(format!("cannot start: {e}")).report(),
    };
    let config = arguments.config;
    let result = runtime.block_on(async move {
        match arguments.command.unwrap_or_else(|| Command::Serve(serve::Arguments::default())) {
            Command::Serve(arguments) => serve::run(config.as_deref(), arguments).await,
            Command::Demo(arguments) => demo::run(arguments).await,
            Command::Run(arguments) => run::run(arguments).await,
            Command::ApiKey { action } => api_key::run(config.as_deref(), action).await,
            Command::Check => check::run(config.as_deref()).await,
            Command::Backup { dir } => backup::run(config.as_deref(), &dir),
            Command::Restore { dir } => restore::run(config.as_deref(), &dir),
            Command::RotateKey => rotate_key::run(config.as_deref()).await,
            Command::Completions { shell } => manual::completions(Arguments::command(), shell),
            Command::Man => manual::page(&Arguments::command()),
            Command::Version => manual::version(),
            Command::Help { about } => help::show(Arguments::command(), &about),
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(exit) => exit.report(),
    }
}

/// Restricts new files and the memory of the process, which holds passwords and keys, to its owner.
fn restrict_access() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask};
    umask(rustix::fs::Mode::from_bits_truncate(0o077));
    // Errors are ignored: a system that refuses confines the process already.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// Raises the limit of open files to its maximum. With the usual default of 1,024, as many connections would leave none
/// for the database.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
