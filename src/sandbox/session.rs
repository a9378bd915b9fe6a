//! Connection: reads requests, runs them sequentially and writes the replies.

use super::ber::{self, Answer};
use super::directory::Directory;
use super::edits::edit;
use super::output::Output;
use super::script::{Point, Script, Stop};
use super::search::{Page, Paged, Request, Search};
use futures_util::StreamExt;
use ldap3_proto::LdapCodec;
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{LdapBindRequest, LdapMsg, LdapOp, LdapSearchRequest, OID_WHOAMI};
use std::collections::VecDeque;
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio_util::codec::FramedRead;

const MAX_REQUEST: usize = 4 * 1024 * 1024;

type Reader<S> = FramedRead<ReadHalf<S>, LdapCodec>;

struct Session<'a, S, T> {
    directory: &'a Directory,
    script: T,
    out: Output<WriteHalf<S>>,
    bound: bool,
    /// Cookie and state of the paged search; as in OpenLDAP, one per connection.
    paged: Option<(Vec<u8>, Search)>,
    /// Number of the last cookie.
    cookies: u64,
}

pub async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send>(directory: &Directory, stream: S, script: impl Script) {
    let (reader, writer) = tokio::io::split(stream);
    let mut reader = FramedRead::new(reader, LdapCodec::new(Some(MAX_REQUEST), None));
    let mut queue = VecDeque::new();
    let out = Output::new(writer);
    let mut session = Session { directory, script, out, bound: false, paged: None, cookies: 0 };
    loop {
        let request = match queue.pop_front() {
            Some(request) => request,
            None => match reader.next().await {
                None => return,
                Some(Ok(request)) => request,
                Some(Err(_)) => {
                    let _ = session.disconnect().await;
                    break;
                }
            },
        };
        if matches!(request.op, LdapOp::UnbindRequest) {
            break;
        }
        let id = request.msgid;
        let done = tokio::select! {
            done = session.handle(request) => done,
            listened = listen(&mut reader, &mut queue, id) => match listened {
                Listened::Abandoned => Ok(()),
                Listened::Disconnected => return,
            },
        };
        if done.is_err() {
            break;
        }
    }
    let _ = session.out.shutdown().await;
}

enum Listened {
    Abandoned,
    Disconnected,
}

/// Queues requests while an operation runs, until the client abandons it or disconnects.
async fn listen<S: AsyncRead>(reader: &mut Reader<S>, queue: &mut VecDeque<LdapMsg>, running: i32) -> Listened {
    while let Some(Ok(request)) = reader.next().await {
        match request.op {
            LdapOp::UnbindRequest => return Listened::Disconnected,
            LdapOp::AbandonRequest(id) if id == running => return Listened::Abandoned,
            _ => queue.push_back(request),
        }
    }
    Listened::Disconnected
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send, T: Script> Session<'_, S, T> {
    async fn handle(&mut self, request: LdapMsg) -> Result<(), Stop> {
        let LdapMsg { msgid: id, op, ctrl } = request;
        let Some(tag) = response_tag(&op) else {
            if matches!(op, LdapOp::AbandonRequest(_)) {
                return Ok(());
            }
            self.disconnect().await?;
            return Err(Stop::Close);
        };
        match self.run(id, op, ctrl).await {
            Ok(Some(answer)) | Err(Stop::Answer(answer)) => {
                self.out.send(&ber::result(id, tag, &answer, &[])).await?;
            }
            Ok(None) | Err(Stop::Answered) => {}
            Err(Stop::Close) => return Err(Stop::Close),
        }
        Ok(self.out.flush().await?)
    }

    /// Runs a request; returns its result unless that was sent already.
    async fn run(&mut self, id: i32, op: LdapOp, controls: Vec<LdapControl>) -> Result<Option<Answer>, Stop> {
        if controls.iter().any(unsupported) {
            return Err(Answer::new(12, "critical extension is not recognized").into());
        }
        match op {
            LdapOp::BindRequest(request) => self.bind(&request).await.map(Some),
            LdapOp::SearchRequest(search) => {
                let paged = controls.into_iter().find_map(|c| match c {
                    LdapControl::SimplePagedResults { size, cookie } => {
                        Some(Paged { size: usize::try_from(size).unwrap_or_default(), cookie })
                    }
                    _ => None,
                });
                self.search(Request { id, search, paged }).await?;
                Ok(None)
            }
            LdapOp::ExtendedRequest(request) if request.name == OID_WHOAMI => {
                let who = if self.bound { format!("dn:{}", self.directory.bind_dn()) } else { String::new() };
                self.out.send(&ber::extended(id, &Answer::default(), None, Some(who.as_bytes()))).await?;
                Ok(None)
            }
            LdapOp::ExtendedRequest(_) => Err(Answer::new(2, "unsupported extended operation").into()),
            op => Ok(Some(edit(self.directory, self.bound, op).err().unwrap_or_default())),
        }
    }

    async fn bind(&mut self, request: &LdapBindRequest) -> Result<Answer, Stop> {
        (self.bound, self.paged) = (false, None);
        let (bound, answer) = match self.directory.authenticate(request) {
            Ok(bound) => (bound, Answer::default()),
            Err(answer) => (false, answer),
        };
        self.script.before(Point::Bind(&answer), &mut self.out).await?;
        self.bound = bound;
        Ok(answer)
    }

    async fn search(&mut self, mut request: Request) -> Result<(), Stop> {
        self.script.before(Point::Search(&mut request), &mut self.out).await?;
        let cookie = request.paged.as_ref().map(|paged| paged.cookie.as_slice()).unwrap_or_default();
        let search = if cookie.is_empty() {
            self.start(&request.search).await?
        } else {
            let known = self.paged.take().filter(|(expected, _)| expected == cookie && self.bound);
            known.ok_or_else(|| Answer::new(53, "paged results cookie is invalid or old"))?.1
        };
        self.cookies += 1;
        let mut page = Page::new(self.directory, &request, search, self.cookies.to_le_bytes().to_vec());
        while let Some(mut reply) = page.next() {
            match self.script.before(Point::Reply(&mut reply), &mut self.out).await {
                Ok(()) => {}
                Err(Stop::Answer(answer)) => reply = page.end(answer),
                Err(stop) => return Err(stop),
            }
            self.out.send(&reply.encode(request.id)).await?;
        }
        self.paged = page.rest();
        Ok(())
    }

    async fn start(&mut self, request: &LdapSearchRequest) -> Result<Search, Stop> {
        self.paged = None;
        let mut search = Search::find(self.directory, self.bound, request)?;
        self.script.before(Point::Found(&mut search.ids), &mut self.out).await?;
        Ok(search)
    }

    /// Sends the notice of disconnection (RFC 4511, section 4.4.1).
    async fn disconnect(&mut self) -> Result<(), Stop> {
        let answer = Answer::new(2, "unknown request");
        self.out.send(&ber::extended(0, &answer, Some("1.3.6.1.4.1.1466.20036"), None)).await?;
        Ok(self.out.flush().await?)
    }
}

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

/// Tag of the response to a request, if it has one.
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
