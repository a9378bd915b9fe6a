//! What the benchmarks share: the server as a process of its own, requests to it, a directory of any size, and tables.
#![allow(clippy::disallowed_methods)]
#![allow(dead_code)]

#[path = "../../tests/api/support/administrator.rs"]
pub mod administrator;
#[path = "../../tests/api/support/daemon.rs"]
pub mod daemon;
pub mod directories;
#[path = "../../tests/api/support/ds389.rs"]
pub mod ds389;
#[path = "../../tests/api/support/key_text.rs"]
pub mod key_text;
pub mod lane;
pub mod objects;
pub mod people;
#[path = "../../tests/api/support/samba.rs"]
pub mod samba;
#[path = "../../tests/api/support/slapd.rs"]
pub mod slapd;
mod table;

use directories::Directory;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub use table::*;

pub const SYSTEMS: &str = "/api/v1/synchronisation/connected-systems";
const LOG: &str = "log";
const JIM: &str = env!("CARGO_BIN_EXE_jim");

/// A server process that says where it listens; it is killed when this is dropped.
pub struct Server {
    child: Child,
    pub address: String,
    pub key: Option<String>,
    /// From just before the process was started until the line that says where it listens.
    pub started_in: Duration,
    log: Option<PathBuf>,
}

impl Server {
    /// `jim serve` on the database in the folder, which is made if it is absent.
    pub fn jim(folder: &Path) -> Server {
        Server::spawn(serve(&mut dying_with_us(jim_binary()), folder))
    }

    /// The same without the millisecond that the watch over it takes: for a process whose start is measured.
    pub fn jim_unwatched(folder: &Path) -> Server {
        Server::spawn(serve(&mut Command::new(jim_binary()), folder))
    }

    /// The same with a key that comes from outside instead of one from the server's output.
    pub fn jim_with_key(folder: &Path, key: &str) -> Server {
        let mut server =
            Server::spawn(serve(&mut dying_with_us(jim_binary()), folder).env("JIM_INFRASTRUCTURE_API_KEY", key));
        server.key = Some(key.to_owned());
        server
    }

    /// This benchmark once more, in another role, unwatched and told where a file is.
    pub fn myself_with(role: &str, variable: &str, path: &Path) -> Server {
        let myself = std::env::current_exe().expect("this program's own path");
        Server::spawn(Command::new(&myself).arg(role).env(variable, path))
    }

    fn spawn(command: &mut Command) -> Server {
        let begun = Instant::now();
        let mut child = match command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn() {
            Ok(child) => child,
            Err(why) => panic!("cannot start {command:?}: {why}"),
        };
        let mut output = BufReader::new(child.stdout.take().expect("a piped output"));
        let log = command.get_current_dir().map(|folder| folder.join(LOG));
        let mut server = Server { child, address: String::new(), key: None, started_in: Duration::ZERO, log };
        let mut said = String::new();
        while server.address.is_empty() {
            let mut line = String::new();
            if output.read_line(&mut line).unwrap_or(0) == 0 {
                panic!("{command:?} ended without saying where it listens; it said:\n{said}");
            }
            if let Some(key) = after(&line, "bootstrap API key: ") {
                server.key = Some(key.to_owned());
            }
            if let Some(address) = after(&line, "listening on http://") {
                server.started_in = begun.elapsed();
                server.address = address.to_owned();
            }
            said.push_str(&line);
        }
        // A full pipe would stop the server in the middle of a measurement.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        server
    }

    /// Sends a request with the key and gives the answer; panics unless it has the expected status.
    pub fn ask(&self, method: &str, path: &str, body: Option<Value>, status: u16) -> Value {
        let (found, answer) = match self.exchange(method, path, body) {
            Ok(answer) => answer,
            Err(why) => panic!("{method} {path}: {why}"),
        };
        assert_eq!(found, status, "{method} {path}: {answer}");
        if answer.is_empty() {
            return Value::Null;
        }
        match serde_json::from_str(&answer) {
            Ok(value) => value,
            Err(why) => panic!("{method} {path}: {why} in {answer}"),
        }
    }

    fn exchange(&self, method: &str, path: &str, body: Option<Value>) -> std::io::Result<(u16, String)> {
        Ok(status_and_body(&self.send(method, path, body)?))
    }

    /// The answer as it came, to its last byte.
    fn send(&self, method: &str, path: &str, body: Option<Value>) -> std::io::Result<Vec<u8>> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        if let Some(key) = &self.key {
            head += &format!("X-Api-Key: {key}\r\n");
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        if !body.is_empty() {
            head += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        }
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    /// A connected system with settings for the directory; its id.
    pub fn create_system(&self, name: &str, directory: &Directory) -> i64 {
        let created = self.ask("POST", SYSTEMS, Some(json!({"name": name, "connectorDefinitionId": 3})), 201);
        let id = created["id"].as_i64().expect("the new system's id");
        let text = |value: &str| json!({"stringValue": value});
        let settings = json!({"1": text(&directory.url), "2": text(directory.account), "3": text(directory.password)});
        self.ask("PUT", &format!("{SYSTEMS}/{id}"), Some(json!({"settingValues": settings})), 200);
        id
    }

    /// Imports the hierarchy: how long it took until the whole answer had arrived, and the containers there are now.
    pub fn import_hierarchy(&self, id: i64) -> (Duration, usize) {
        let begun = Instant::now();
        let answer = self.send("POST", &format!("{SYSTEMS}/{id}/import-hierarchy"), None).expect("an answer");
        // Making sense of it is the client's time.
        let took = begun.elapsed();
        let (status, text) = status_and_body(&answer);
        assert_eq!(status, 200, "{text}");
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(answer["success"], json!(true), "{answer}");
        let containers = answer["totalContainers"].as_u64().and_then(|n| usize::try_from(n).ok());
        (took, containers.expect("totalContainers"))
    }

    /// Sends a request without a body: how long it took until the whole answer had arrived, and the answer.
    pub fn timed(&self, method: &str, path: &str) -> (Duration, Value) {
        let begun = Instant::now();
        let answer = self.send(method, path, None).expect("an answer");
        let took = begun.elapsed();
        let (status, text) = status_and_body(&answer);
        assert_eq!(status, 200, "{method} {path}: {text}");
        (took, serde_json::from_str(&text).expect("JSON"))
    }

    /// The same with nothing but the length of the answer.
    pub fn timed_bytes(&self, method: &str, path: &str) -> (Duration, usize) {
        let begun = Instant::now();
        let answer = self.send(method, path, None).expect("an answer");
        let took = begun.elapsed();
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{method} {path}");
        (took, answer.len())
    }

    /// A line of the kernel's account of the process in bytes, for example `VmHWM`, the most memory it ever held.
    pub fn memory(&self, line: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the server runs");
        let kib = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':')?.split_whitespace().next());
        match kib.and_then(|kib| kib.parse::<u64>().ok()) {
            Some(kib) => kib * 1024,
            None => panic!("/proc/PID/status has no {line}"),
        }
    }

    /// How long the process has been working, on all cores together: what others do on the machine does not count.
    pub fn worked(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("the server runs");
        // The name, in brackets, may contain blanks.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
    }

    /// Forgets the most memory it ever held, so that `VmHWM` begins anew.
    pub fn reset_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").expect("the peak is reset");
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        let log = self.log.as_ref().expect("a server with a log");
        std::fs::read_to_string(log).expect("the server's log")
    }

    /// Ends it as an operator would, so that the database is left as it usually is.
    pub fn stop(mut self) {
        let _ =
            rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), rustix::process::Signal::TERM);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the server did not end within 10 s of SIGTERM");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(log) = self.log.as_ref().filter(|_| std::thread::panicking()) {
            eprintln!("the server's log:\n{}", std::fs::read_to_string(log).unwrap_or_default());
        }
    }
}

/// The program under test, as cargo built it for the benchmark.
pub fn jim_binary() -> &'static Path {
    Path::new(JIM)
}

fn serve<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    let config = folder.join("jim.toml");
    let database = toml::Value::from(folder.join("jim.db").to_string_lossy().into_owned());
    let text = format!("[server]\nlisten = \"127.0.0.1:0\"\n\n[database]\npath = {database}\n");
    std::fs::write(&config, text).expect("jim.toml written");
    command.arg("serve").arg("--config").arg(config).current_dir(folder);
    // Its log would bury the table; it is shown if the benchmark fails.
    let log = File::options().create(true).append(true).open(folder.join(LOG)).expect("the server's log file");
    command.stderr(log);
    // A key from the caller's environment would be the server's as well.
    command.env_remove("JIM_INFRASTRUCTURE_API_KEY")
}

/// The program by way of setpriv, which becomes it: the kernel ends it with this process, however that ends.
fn dying_with_us(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

fn after<'a>(line: &'a str, words: &str) -> Option<&'a str> {
    line.split_once(words)?.1.split_whitespace().next()
}

fn status_and_body(answer: &[u8]) -> (u16, String) {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let chunked = head.to_ascii_lowercase().contains("\r\ntransfer-encoding: chunked");
    (status, if chunked { join_chunks(body) } else { body.to_owned() })
}

fn join_chunks(mut body: &str) -> String {
    let mut joined = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16).unwrap_or(0);
        let Some(chunk) = rest.get(..size).filter(|chunk| !chunk.is_empty()) else { break };
        joined.push_str(chunk);
        body = rest[size..].trim_start_matches("\r\n");
    }
    joined
}

/// The arguments after `--`, as `--name value`.
pub struct Arguments(Vec<String>);

impl Arguments {
    /// Ends the program if there is an argument that is none of these.
    pub fn read(options: &[&str]) -> Arguments {
        // cargo bench adds --bench for the standard harness, which these benchmarks do without.
        let all: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
        let mut rest = all.iter().map(String::as_str);
        while let Some(argument) = rest.next() {
            if !(options.contains(&argument) && rest.next().is_some()) {
                eprintln!("unknown argument or no value: {argument}; known: {}", options.join(", "));
                std::process::exit(2);
            }
        }
        Arguments(all)
    }

    pub fn numbers(&self, option: &str, default: &[usize]) -> Vec<usize> {
        let place = self.0.iter().position(|argument| argument == option);
        let Some(text) = place.and_then(|place| self.0.get(place + 1)) else { return default.to_vec() };
        let numbers: Result<Vec<usize>, _> = text.split(',').map(|number| number.trim().parse()).collect();
        match numbers {
            Ok(numbers) => numbers,
            Err(why) => {
                eprintln!("{option} {text}: {why}");
                std::process::exit(2);
            }
        }
    }

    pub fn number(&self, option: &str, default: usize) -> usize {
        self.numbers(option, &[default])[0]
    }
}
