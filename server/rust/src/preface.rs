//! The first bytes of a connection. hyper waits for them without end; here a silent or foreign peer is sent away.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

/// What every HTTP/2 client sends first (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long a client may take for it; gRPC clients send it with their first packet.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection whose peer speaks HTTP/2. Reading it yields the preface once more, for hyper.
pub(crate) struct Greeted {
    preface: &'static [u8],
    io: TokioIo<TcpStream>,
    sent: Sent,
}

/// How many bytes a connection has sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent(Rc<Cell<u64>>);

impl Sent {
    pub(crate) fn get(&self) -> u64 {
        self.0.get()
    }

    fn count(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = written {
            self.0.set(self.0.get() + *bytes as u64);
        }
    }
}

impl Greeted {
    /// A view of the bytes sent, now and later.
    pub(crate) fn sent(&self) -> Sent {
        self.sent.clone()
    }
}

/// Waits for the preface.
///
/// # Errors
/// When the peer hangs up, says something else, or says nothing in time.
pub(crate) async fn read(mut stream: TcpStream) -> io::Result<Greeted> {
    let mut came = [0; PREFACE.len()];
    let mut length = 0;
    let reading = async {
        while length < came.len() {
            length += match stream.read(&mut came[length..]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => n,
            };
            if came[..length] != PREFACE[..length] {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "not HTTP/2"));
            }
        }
        Ok(())
    };
    timeout(PATIENCE, reading).await??;
    Ok(Greeted {
        preface: PREFACE,
        io: TokioIo::new(stream),
        sent: Sent::default(),
    })
}

impl Read for Greeted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.preface.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buffer);
        }
        let (now, later) = self.preface.split_at(self.preface.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.preface = later;
        Poll::Ready(Ok(()))
    }
}

impl Write for Greeted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.sent.count(&written);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.sent.count(&written);
        written
    }
}
