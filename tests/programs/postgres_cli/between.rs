//! Stands between a program and its server, and makes a fault at one statement of a run.
//!
//! It passes both sides' words on. In place of the chosen statement it gives the server another
//! one. That one fails as a lock timeout, a cancelled statement or an ended server process does. So
//! the error, and the state that it leaves, are the server's own.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::support::skip::skip;

/// The fault at the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The server refuses it with this SQLSTATE.
    Refused(&'static str),
    /// The server ends the session's process before it.
    Terminated,
    /// Its connection closes without a word.
    Closed,
    /// The server does it, and the connection closes before it can say so.
    Unanswered,
}

/// The chosen statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// The one of this number among all, from 0.
    Number(usize),
    /// Each that has this text in it.
    Text(&'static str),
}

/// Its plan, and what it saw.
#[derive(Debug, Default)]
struct Plan {
    fault: Option<(At, Fault)>,
    statements: Vec<String>,
}

impl Plan {
    fn next(&mut self, sql: &str) -> Option<Fault> {
        let number = self.statements.len();
        self.statements.push(sql.to_owned());
        let (at, fault) = self.fault.as_ref()?;
        let is_here = match at {
            At::Number(chosen) => *chosen == number,
            At::Text(text) => sql.contains(text),
        };
        is_here.then_some(*fault)
    }
}

/// A socket that leads to the server's.
pub struct Between {
    folder: tempfile::TempDir,
    plan: Arc<Mutex<Plan>>,
    url: String,
}

impl Between {
    /// Opens one; `None`: the server has no socket.
    pub fn open(url: &str) -> Option<Self> {
        let Some((_, place)) = url.split_once("host=/") else {
            skip("the server has no socket to stand before");
            return None;
        };
        let place = format!("/{}", place.split('&').next().unwrap_or_default());
        let folder = tempfile::Builder::new()
            .prefix("fifo-bt-")
            .tempdir_in("/tmp");
        let folder = folder.unwrap();
        let listener = UnixListener::bind(folder.path().join(SOCKET)).unwrap();
        let own = url.replace(&place, &folder.path().display().to_string());
        let plan = Arc::new(Mutex::new(Plan::default()));
        let seen = Arc::clone(&plan);
        // It ends with the process: nobody connects when the folder is gone.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = UnixStream::connect(format!("{place}/{SOCKET}"));
                let Ok(server) = server else { continue };
                let plan = Arc::clone(&seen);
                std::thread::spawn(move || pass(client, server, &plan));
            }
        });
        Some(Self {
            folder,
            plan,
            url: own,
        })
    }

    /// Returns the URL that leads through it.
    pub fn url(&self) -> String {
        assert!(self.folder.path().exists());
        self.url.clone()
    }

    /// Starts counting again, with a fault to make or without.
    pub fn plan(&self, fault: Option<(At, Fault)>) {
        *self.plan.lock().unwrap() = Plan {
            fault,
            statements: Vec::new(),
        };
    }

    /// Returns the statements since then.
    pub fn statements(&self) -> Vec<String> {
        self.plan.lock().unwrap().statements.clone()
    }
}

const SOCKET: &str = ".s.PGSQL.5432";

/// A session: the first messages have no letter before their length.
fn pass(mut client: UnixStream, mut server: UnixStream, plan: &Mutex<Plan>) {
    let (answers, back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let is_mute = Arc::new(AtomicBool::new(false));
    let mute = Arc::clone(&is_mute);
    std::thread::spawn(move || {
        let _ = pass_answers(answers, &back, &mute);
        let _ = back.shutdown(std::net::Shutdown::Both);
    });
    let _ = requests(&mut client, &mut server, plan, &is_mute);
    let _ = server.shutdown(std::net::Shutdown::Both);
    let _ = client.shutdown(std::net::Shutdown::Both);
}

fn pass_answers(
    mut server: UnixStream,
    mut client: &UnixStream,
    is_mute: &AtomicBool,
) -> std::io::Result<()> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let read = server.read(&mut bytes)?;
        if read == 0 || is_mute.load(Ordering::SeqCst) {
            return Ok(());
        }
        client.write_all(&bytes[..read])?;
    }
}

fn requests(
    client: &mut UnixStream,
    server: &mut UnixStream,
    plan: &Mutex<Plan>,
    is_mute: &AtomicBool,
) -> std::io::Result<()> {
    loop {
        let body = body(client)?;
        let code = body.get(..4).unwrap_or_default().to_vec();
        send(server, None, &body)?;
        // A request for encryption, or to cancel, is followed by another, or by nothing.
        if code == PROTOCOL_3.to_be_bytes() {
            break;
        }
    }
    loop {
        let mut kind = [0];
        client.read_exact(&mut kind)?;
        let body = body(client)?;
        let fault = match statement(kind[0], &body) {
            Some(sql) => plan.lock().unwrap().next(&sql),
            None => None,
        };
        let Some(fault) = fault else {
            send(server, Some(kind[0]), &body)?;
            continue;
        };
        if fault == Fault::Unanswered {
            is_mute.store(true, Ordering::SeqCst);
            send(server, Some(kind[0]), &body)?;
            continue;
        }
        // A prepared statement comes with what is asked about it.
        while kind[0] != b'Q' && kind[0] != b'S' {
            client.read_exact(&mut kind)?;
            self::body(client)?;
        }
        let sql = match fault {
            Fault::Closed | Fault::Unanswered => return Ok(()),
            Fault::Terminated => "SELECT pg_terminate_backend(pg_backend_pid())\0".to_owned(),
            Fault::Refused(code) => {
                format!("DO $$ BEGIN RAISE EXCEPTION 'a fault' USING ERRCODE = '{code}'; END $$\0")
            }
        };
        send(server, Some(b'Q'), sql.as_bytes())?;
    }
}

const PROTOCOL_3: i32 = 196_608;

/// Reads a message after its letter.
fn body(stream: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(4);
    let mut body = vec![0; length.saturating_sub(4)];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn send(stream: &mut UnixStream, kind: Option<u8>, body: &[u8]) -> std::io::Result<()> {
    let length = i32::try_from(body.len() + 4).unwrap_or(i32::MAX);
    let mut message: Vec<u8> = kind.into_iter().collect();
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(body);
    stream.write_all(&message)
}

/// Returns the SQL of a message that has some: a query, or a statement to prepare after its name.
fn statement(kind: u8, body: &[u8]) -> Option<String> {
    let text = match kind {
        b'Q' => body,
        b'P' => body.splitn(2, |byte| *byte == 0).nth(1)?,
        _ => return None,
    };
    let text = text.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(text).into_owned())
}
