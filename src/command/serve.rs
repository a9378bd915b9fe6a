//! `jim serve`: starts a server, prints its address, and stops it gracefully.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use jim::app::App;
use jim::config::{Config, INFRASTRUCTURE_KEY};
use jim::db::FileLock;
use jim::http;
use jim::http::server::{self, ListenerOptions};
use jim::ops::run::queue;
use jim::ops::{history, housekeeping, start};
use jim::security::secret::Secret;
use jim::security::tls::listener::ListenerTls;
use jim::telemetry;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;

use super::{Exit, load_config_with, stop_signal};

#[derive(clap::Args, Default)]
pub struct Arguments {
    /// Address of the API; overrides file and environment.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
}

pub async fn run(named: Option<&Path>, arguments: Arguments) -> Result<(), Exit> {
    let config = load_config_with(named, arguments.listen)?;
    telemetry::start(config.log_format, &config.log_filter);
    for name in &config.unknown_variables {
        tracing::warn!(variable = name, "unknown environment variable ignored");
    }
    let stop = tokio::spawn(stop_signal()?);
    // Before the address, which a running server of this database most likely has too.
    FileLock::refuse_held(&config.database)?;
    let listener = listen(config.listen)?;
    let infrastructure = infrastructure_key();
    let metrics = config.metrics.map(listen).transpose()?;
    let print = |key: &Secret| print_line(format_args!("bootstrap API key: {}", key.expose()));
    let server = Server::start(&config, listener, infrastructure, print).await?;
    // Before the address is printed: until then the signal would end the process.
    if let Some(tls) = &server.options.tls {
        tokio::spawn(reload_on_hangup(tls.clone())?);
    }
    let scheme = if server.options.tls.is_some() { "https" } else { "http" };
    let _ = print_line(format_args!("listening on {scheme}://{}", server.address));
    let instance = server.app.settings.now().instance_name.clone();
    tracing::info!(instance, address = %server.address, database = %config.database.display(), "serving");
    let monitoring = metrics.map(|listener| {
        tracing::info!(address = ?listener.local_addr().ok(), "metrics without a key");
        tokio::spawn(server::run(
            listener,
            http::metrics_only(&server.app),
            ListenerOptions::default(),
            std::future::pending(),
        ))
    });
    let stop = async {
        let _ = stop.await;
        tracing::info!("stopping");
    };
    server.run(stop).await;
    if let Some(monitoring) = monitoring {
        monitoring.abort();
    }
    Ok(())
}

fn infrastructure_key() -> Option<Secret> {
    match std::env::var(INFRASTRUCTURE_KEY) {
        Ok(key) => Some(Secret::new(key)),
        Err(std::env::VarError::NotPresent) => None,
        Err(std::env::VarError::NotUnicode(_)) => {
            tracing::warn!("{INFRASTRUCTURE_KEY} is ignored: it must be visible ASCII characters");
            None
        }
    }
}

/// Prints and flushes a line, for which scripts wait.
fn print_line(line: std::fmt::Arguments<'_>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush())
}

/// Reloads the certificate on SIGHUP. Without TLS the signal ends the process, as a closed terminal expects.
fn reload_on_hangup(tls: Arc<ListenerTls>) -> Result<impl Future<Output = ()> + Send + 'static, Exit> {
    use tokio::signal::unix::{SignalKind, signal};
    let cannot = |e: std::io::Error| Exit::io(format!("cannot wait for signals: {e}"));
    let mut hangup = signal(SignalKind::hangup()).map_err(cannot)?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            let tls = tls.clone();
            match tokio::task::spawn_blocking(move || tls.reload()).await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => tracing::error!(why, "the TLS certificate was not reloaded; the old one stays in use"),
                Err(e) => tracing::error!(error = %e, "reading the TLS certificate failed"),
            }
        }
    })
}

/// The default number of connections: with the usual 128, clients of a burst would retry only a second later.
const BACKLOG: u32 = 1024;

/// Binds the address, before any file is touched.
pub fn listen(address: SocketAddr) -> Result<TcpListener, Exit> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let listening = socket.and_then(|socket| {
        // Connections of an earlier server may still be closing.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    });
    listening.map_err(|e| match e.kind() {
        std::io::ErrorKind::AddrInUse => Exit::address(format!(
            "{address} is in use; stop what listens there, or choose another with --listen or [server] listen"
        )),
        _ => Exit::address(format!("cannot listen on {address}: {e}")),
    })
}

/// A started server that accepts no connections yet.
pub struct Server {
    app: App,
    listener: TcpListener,
    options: ListenerOptions,
    pub address: SocketAddr,
}

impl Server {
    /// Opens the files and creates the first keys; `print` shows the bootstrap key, which is not stored.
    pub async fn start(
        config: &Config,
        listener: TcpListener,
        infrastructure: Option<Secret>,
        print: impl FnOnce(&Secret) -> std::io::Result<()>,
    ) -> Result<Server, Exit> {
        let address = listener.local_addr().map_err(|e| Exit::address(format!("the listener has no address: {e}")))?;
        // Before any file is created, since an error here does not depend on them.
        let tls = config.tls.as_ref().map(|(certificate, key)| ListenerTls::load(certificate, key)).transpose();
        let options = ListenerOptions {
            limits: server::Limits {
                connections: config.limits.connections,
                per_address: config.limits.connections_per_address,
                ..server::Limits::default()
            },
            tls: tls.map_err(Exit::configuration)?.map(Arc::new),
            trusted_proxies: config.trusted_proxies.clone(),
        };
        let app = start::start(config, infrastructure, print).await?;
        Ok(Server { app, listener, options, address })
    }

    /// Serves until `stop`, finishes requests in progress and checkpoints the database.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let route = http::api(&self.app);
        let (end, ended) = oneshot::channel();
        let housekeeping = tokio::spawn(housekeeping::run(self.app.clone(), ended));
        let runs = tokio::spawn(queue::serve(self.app.clone()));
        let retention = tokio::spawn(history::keep_short(self.app.clone(), history::FIRST, history::EVERY));
        server::run(self.listener, route, self.options, stop).await;
        retention.abort();
        self.app.runs.stopping.cancel();
        let _ = runs.await;
        // Not aborted, which would lose the uses of keys that it is storing.
        drop::<oneshot::Sender<()>>(end);
        let _ = housekeeping.await;
        housekeeping::finish(&self.app).await;
        if let Err(e) = self.app.db.checkpoint().await {
            tracing::warn!(error = e.chain(), "the write-ahead log was not checkpointed; the next start does it");
        }
    }
}
