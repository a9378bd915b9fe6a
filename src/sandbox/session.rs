//! One connection: reading requests, binding, TLS, and the ways in which it ends.
//! Searches and edits have modules of their own.

use super::ber;
use super::faults::{Answer, Ending, Faults, Hang};
use super::output::{Output, Stop, Stream};
use super::search::Paged;
use super::shared::{Counted, Shared};
use super::{Tls, tree};
use futures_util::StreamExt;
use ldap3_proto::LdapCodec;
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{LdapBindCred, LdapBindRequest, LdapMsg, LdapOp, OID_WHOAMI};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use tokio::io::{AsyncReadExt, ReadHalf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::codec::FramedRead;

/// The greatest request that is read.
const MAX_REQUEST: usize = 4 * 1024 * 1024;
/// The OID of StartTLS.
pub const START_TLS: &str = "1.3.6.1.4.1.1466.20037";

type Reader = FramedRead<ReadHalf<Stream>, LdapCodec>;

/// What is known of a connection.
pub struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) number: u64,
    pub(super) out: Output,
    /// Whether the account is bound.
    pub(super) bound: bool,
    /// The paged search in progress; as in OpenLDAP a connection has one at a time.
    pub(super) paged: Option<Paged>,
    /// Counts the cookies given out.
    pub(super) cookies: u64,
    /// The id of the operation the client abandoned last.
    abandoned: Arc<AtomicI32>,
}

/// Serves a connection to its end.
pub async fn serve(shared: Arc<Shared>, tcp: TcpStream, number: u64) {
    let _open = Counted::new(&shared.counters.open);
    let _ = tcp.set_nodelay(true);
    let faults = shared.faults_for(number);
    if faults.hang == Some(Hang::Connect) {
        return drain(tcp).await;
    }
    let stream = match &shared.tls {
        Some(Tls::Ldaps(config)) => {
            if faults.hang == Some(Hang::Tls) {
                return drain(tcp).await;
            }
            match TlsAcceptor::from(Arc::clone(config)).accept(tcp).await {
                Ok(tls) => Stream::Tls(Box::new(tls)),
                Err(_) => return,
            }
        }
        _ => Stream::Plain(tcp),
    };
    converse(Arc::clone(&shared), stream, number).await;
}

async fn converse(shared: Arc<Shared>, stream: Stream, number: u64) {
    let tls = matches!(stream, Stream::Tls(_));
    let (reader, writer) = tokio::io::split(stream);
    let mut reader = FramedRead::new(reader, LdapCodec::new(Some(MAX_REQUEST), None));
    let mut queue = VecDeque::new();
    let mut session = Session {
        out: Output::new(writer, tls, Arc::clone(&shared), number),
        shared,
        number,
        bound: false,
        paged: None,
        cookies: 0,
        abandoned: Arc::new(AtomicI32::new(-1)),
    };
    loop {
        let next = match queue.pop_front() {
            Some(request) => Some(Ok(request)),
            None => reader.next().await,
        };
        let request = match next {
            None => return,
            Some(Err(_)) => {
                let _ = session.disconnect().await;
                return session.out.shutdown().await;
            }
            Some(Ok(LdapMsg { op: LdapOp::UnbindRequest, .. })) => return,
            Some(Ok(request)) => request,
        };
        let done = if session.starts_tls(&request) {
            match session.start_tls(request.msgid, reader).await {
                Some(fresh) => reader = fresh,
                None => return,
            }
            Ok(())
        } else {
            let abandoned = Arc::clone(&session.abandoned);
            tokio::select! {
                done = session.handle(request) => done,
                // A client that goes away must not leave its search waiting here.
                () = listen(&mut reader, &mut queue, &abandoned) => return,
            }
        };
        match done {
            Ok(()) => {}
            Err(Stop::Gone) => return,
            Err(Stop::End(how)) => return session.end(how, reader).await,
        }
    }
}

/// Reads on while an operation runs. Ends when the client is gone.
async fn listen(reader: &mut Reader, queue: &mut VecDeque<LdapMsg>, abandoned: &AtomicI32) {
    while let Some(Ok(request)) = reader.next().await {
        match request.op {
            LdapOp::UnbindRequest => return,
            LdapOp::AbandonRequest(id) => abandoned.store(id, Ordering::SeqCst),
            _ => queue.push_back(request),
        }
    }
}

/// Reads and forgets until the client goes away.
async fn drain(mut stream: impl tokio::io::AsyncRead + Unpin) {
    let mut buffer = [0; 1024];
    while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
}

impl Session {
    /// The faults that concern this connection now.
    pub(super) fn faults(&self) -> Arc<Faults> {
        self.shared.faults_for(self.number)
    }

    /// Whether the client abandoned an operation.
    pub(super) fn abandoned(&self, id: i32) -> bool {
        self.abandoned.load(Ordering::SeqCst) == id
    }

    async fn handle(&mut self, request: LdapMsg) -> Result<(), Stop> {
        let LdapMsg { msgid: id, op, ctrl } = request;
        if let Some(tag) = response_tag(&op).filter(|_| ctrl.iter().any(unsupported)) {
            let answer = Answer::new(12, "critical extension is not recognized");
            self.out.message(&ber::result(id, tag, &answer, &[])).await?;
            return self.out.flush().await;
        }
        match op {
            LdapOp::BindRequest(request) => {
                let answer = self.bind(&request).await?;
                self.out.message(&ber::result(id, ber::BIND_RESPONSE, &answer, &[])).await?;
            }
            LdapOp::SearchRequest(request) => {
                let paged = ctrl.into_iter().find_map(|c| match c {
                    LdapControl::SimplePagedResults { size, cookie } => Some((size, cookie)),
                    _ => None,
                });
                self.search(id, &request, paged).await?;
            }
            LdapOp::ExtendedRequest(request) if request.name == OID_WHOAMI => {
                let who = if self.bound { format!("dn:{}", self.shared.account) } else { String::new() };
                let done = ber::extended(id, &Answer::default(), None, Some(who.as_bytes()));
                self.out.message(&done).await?;
            }
            LdapOp::ExtendedRequest(_) => {
                let answer = Answer::new(2, "unsupported extended operation");
                self.out.message(&ber::extended(id, &answer, None, None)).await?;
            }
            LdapOp::AbandonRequest(_) => {}
            op => match self.edit(op) {
                Some((tag, answer)) => self.out.message(&ber::result(id, tag, &answer, &[])).await?,
                None => {
                    self.disconnect().await?;
                    return Err(Stop::End(Ending::Close));
                }
            },
        }
        self.out.flush().await
    }

    /// Tells the client that it does not speak LDAP.
    async fn disconnect(&mut self) -> Result<(), Stop> {
        let answer = Answer::new(2, "unknown request");
        self.out.message(&ber::extended(0, &answer, Some("1.3.6.1.4.1.1466.20036"), None)).await?;
        self.out.flush().await
    }

    async fn bind(&mut self, request: &LdapBindRequest) -> Result<Answer, Stop> {
        let counters = &self.shared.counters;
        counters.bind_attempts.fetch_add(1, Ordering::SeqCst);
        self.bound = false;
        self.paged = None;
        let faults = self.faults();
        if faults.hang == Some(Hang::Bind) {
            return Err(Stop::End(Ending::Silence));
        }
        if let Some(answer) = &faults.bind {
            return Ok(answer.clone());
        }
        if request.version != 3 {
            return Ok(Answer::new(2, "historical protocol version requested, use LDAPv3 instead"));
        }
        let LdapBindCred::Simple(password) = &request.cred else {
            return Ok(Answer::new(7, "SASL(-4): no mechanism available: "));
        };
        let dn = match tree::parse(&request.dn) {
            Ok(dn) => dn,
            Err(answer) => return Ok(answer),
        };
        match (dn.rdns().is_empty(), password.is_empty()) {
            (true, true) => {}
            (true, false) => return Ok(Answer::new(49, "")),
            (false, true) => return Ok(Answer::new(53, "unauthenticated bind (DN with no password) disallowed")),
            (false, false) => {
                if dn.key() != self.shared.account_key || *password != self.shared.password {
                    return Ok(Answer::new(49, ""));
                }
                self.bound = true;
            }
        }
        counters.binds.fetch_add(1, Ordering::SeqCst);
        Ok(Answer::default())
    }

    fn starts_tls(&self, request: &LdapMsg) -> bool {
        let offered = matches!(self.shared.tls, Some(Tls::StartTls(_))) && !self.out.is_tls();
        offered && matches!(&request.op, LdapOp::ExtendedRequest(r) if r.name == START_TLS)
    }

    /// Answers StartTLS and does the handshake; `None` if the connection is over.
    async fn start_tls(&mut self, id: i32, reader: Reader) -> Option<Reader> {
        let Some(Tls::StartTls(config)) = self.shared.tls.clone() else { return None };
        let done = ber::extended(id, &Answer::default(), Some(START_TLS), None);
        self.out.message(&done).await.ok()?;
        self.out.put(&self.faults().before_tls).await.ok()?;
        self.out.flush().await.ok()?;
        let writer = self.out.take_writer()?;
        let Stream::Plain(tcp) = reader.into_inner().unsplit(writer) else { return None };
        if self.faults().hang == Some(Hang::Tls) {
            drain(tcp).await;
            return None;
        }
        let tls = TlsAcceptor::from(config).accept(tcp).await.ok()?;
        let (reader, writer) = tokio::io::split(Stream::Tls(Box::new(tls)));
        self.out.set_tls(writer);
        // Who was bound before is forgotten: nothing said in the clear counts.
        self.bound = false;
        Some(FramedRead::new(reader, LdapCodec::new(Some(MAX_REQUEST), None)))
    }

    async fn end(mut self, how: Ending, reader: Reader) {
        match how {
            Ending::Close => self.out.shutdown().await,
            Ending::HalfClose => {
                self.out.shutdown().await;
                drain(reader.into_inner()).await;
            }
            Ending::Reset => {
                if let Some(writer) = self.out.take_writer() {
                    reader.into_inner().unsplit(writer).reset();
                }
            }
            Ending::Silence => {
                // What was said before the silence must arrive; the socket stays open until the client goes.
                let _ = self.out.flush().await;
                drain(reader.into_inner()).await;
            }
        }
    }
}

/// Whether a control is critical and unknown here.
fn unsupported(control: &LdapControl) -> bool {
    match control {
        LdapControl::SyncRequest { criticality, .. }
        | LdapControl::PasswordPolicyRequest { criticality }
        | LdapControl::SearchOptions { criticality, .. }
        | LdapControl::ShowDeleted { criticality }
        | LdapControl::SdFlags { criticality, .. }
        | LdapControl::ExtendedDn { criticality, .. }
        | LdapControl::Unknown { criticality, .. } => *criticality,
        _ => false,
    }
}

/// The tag of the response to a request; none for what is not answered.
fn response_tag(op: &LdapOp) -> Option<u8> {
    match op {
        LdapOp::BindRequest(_) => Some(ber::BIND_RESPONSE),
        LdapOp::SearchRequest(_) => Some(ber::SEARCH_DONE),
        LdapOp::ModifyRequest(_) => Some(ber::MODIFY_RESPONSE),
        LdapOp::AddRequest(_) => Some(ber::ADD_RESPONSE),
        LdapOp::DelRequest(_) => Some(ber::DELETE_RESPONSE),
        LdapOp::ModifyDNRequest(_) => Some(ber::RENAME_RESPONSE),
        LdapOp::CompareRequest(_) => Some(ber::COMPARE_RESPONSE),
        LdapOp::ExtendedRequest(_) => Some(ber::EXTENDED_RESPONSE),
        _ => None,
    }
}
