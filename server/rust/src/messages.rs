//! The messages of a request, as gRPC frames them: a flag and the length in five bytes, then the message.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context as Task, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use ferrule_engine::Status;
use hyper::body::{Body, Incoming};

use crate::status;

/// Flag and length.
pub(crate) const HEAD_BYTES: usize = 5;
/// So many times what has come of a message is reserved for it: a head alone, which may promise anything, reserves next to
/// nothing, and a large message is moved seldom as it grows.
const AHEAD: usize = 8;

/// What a caller sends, message by message. One that came in one piece is not copied.
pub(crate) struct Messages<B = Incoming> {
    body: B,
    /// Most bytes of a message.
    limit: usize,
    /// What came last and is not read yet, unless it is in `parts`.
    came: Bytes,
    /// The pieces of a message that came in several.
    parts: BytesMut,
}

impl<B: Body<Data = Bytes> + Unpin> Messages<B> {
    pub(crate) fn new(body: B, limit: usize) -> Self {
        Self {
            body,
            limit,
            came: Bytes::new(),
            parts: BytesMut::new(),
        }
    }

    /// The next message; none after the last. After an error there is nothing more to be had.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Status>> {
        poll_fn(|task| self.poll_next(task)).await
    }

    /// As [`next`](Self::next).
    pub(crate) fn poll_next(&mut self, task: &mut Task<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        loop {
            if let Some(read) = self.read().transpose() {
                return Poll::Ready(Some(read));
            }
            match ready!(Pin::new(&mut self.body).poll_frame(task)) {
                Some(Ok(frame)) => {
                    // What is not data are trailers, which say nothing here.
                    if let Ok(data) = frame.into_data() {
                        self.add(data);
                    }
                }
                Some(Err(_)) => return Poll::Ready(Some(Err(status::of_lost_caller()))),
                None if self.unread().is_empty() => return Poll::Ready(None),
                None => return Poll::Ready(Some(Err(status::of_broken_framing("it ends too early")))),
            }
        }
    }

    /// Whether it is known already that there is nothing more.
    pub(crate) fn ended(&self) -> bool {
        self.unread().is_empty() && self.body.is_end_stream()
    }

    fn unread(&self) -> &[u8] {
        if self.parts.is_empty() { &self.came } else { &self.parts }
    }

    fn add(&mut self, data: Bytes) {
        if self.unread().is_empty() {
            self.came = data;
        } else {
            self.parts.extend_from_slice(&std::mem::take(&mut self.came));
            self.parts.extend_from_slice(&data);
        }
    }

    /// Reads a message; none when it is not here to its end.
    fn read(&mut self) -> Result<Option<Bytes>, Status> {
        let unread = self.unread();
        let Some(&[flag, ref length @ ..]) = unread.first_chunk::<HEAD_BYTES>() else {
            return Ok(None);
        };
        if flag != 0 {
            let problem = format!("its flag is {flag}, and messages are not decompressed");
            return Err(status::of_broken_framing(&problem));
        }
        let length = u32::from_be_bytes(*length) as usize;
        if length > self.limit {
            return Err(Status::message_too_large(self.limit as u64));
        }
        let whole = HEAD_BYTES + length;
        if unread.len() < whole {
            let here = unread.len();
            // Else there is room for twice as much already.
            if self.parts.capacity() < whole.min(2 * here) {
                self.parts.reserve(whole.min(AHEAD * here) - self.parts.len());
            }
            return Ok(None);
        }
        Ok(Some(if self.parts.is_empty() {
            self.came.advance(HEAD_BYTES);
            self.came.split_to(length)
        } else {
            self.parts.advance(HEAD_BYTES);
            if self.parts.len() == length {
                // What is left would be empty, and hold the message's memory until the call ends.
                std::mem::take(&mut self.parts).freeze()
            } else {
                self.parts.split_to(length).freeze()
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use ferrule_engine::Code;
    use http_body_util::StreamBody;
    use hyper::body::Frame;

    use super::*;

    const LIMIT: usize = 1000;

    fn framed(message: &[u8]) -> Vec<u8> {
        let length = (message.len() as u32).to_be_bytes();
        [&[0], &length[..], message].concat()
    }

    /// The messages of a body that comes in these pieces, and what ends them if it is an error.
    fn read(pieces: &[&[u8]]) -> (Vec<Bytes>, Option<Code>) {
        let frames: Vec<_> = pieces
            .iter()
            .map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(piece))))
            .collect();
        let mut messages = Messages::new(StreamBody::new(tokio_stream::iter(frames)), LIMIT);
        let mut read = Vec::new();
        let mut task = Task::from_waker(std::task::Waker::noop());
        loop {
            match messages.poll_next(&mut task) {
                Poll::Ready(Some(Ok(message))) => read.push(message),
                Poll::Ready(Some(Err(status))) => return (read, Some(status.code)),
                Poll::Ready(None) => return (read, None),
                // Now and then Tokio's iterator lets others go first.
                Poll::Pending => {}
            }
        }
    }

    #[test]
    fn messages_are_the_same_however_they_are_cut() {
        let sent = [&b""[..], b"a", &[7; LIMIT], b"bc", b""];
        let bytes: Vec<u8> = sent.iter().flat_map(|message| framed(message)).collect();
        for size in 1..=bytes.len() {
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            let (messages, problem) = read(&pieces);
            assert_eq!(problem, None);
            assert_eq!(messages, sent, "in pieces of {size}");
        }
    }

    #[test]
    fn what_is_reserved_follows_what_came() {
        const LARGE: usize = 1 << 24;
        let mut message = framed(&[]);
        message[1..].copy_from_slice(&(LARGE as u32).to_be_bytes());
        message.resize(HEAD_BYTES + LARGE, 7);
        let frames: Vec<_> = [&message[..HEAD_BYTES]]
            .into_iter()
            .chain(message[HEAD_BYTES..].chunks(1 << 14))
            .map(Bytes::copy_from_slice)
            .collect();
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let receiver = tokio_stream::wrappers::UnboundedReceiverStream::new(receiver);
        let mut messages = Messages::new(StreamBody::new(receiver), LARGE);
        let mut task = Task::from_waker(std::task::Waker::noop());
        let mut came = 0;
        let mut read = Poll::Pending;
        for frame in frames {
            came += frame.len();
            sender.send(Ok::<_, Infallible>(Frame::data(frame))).unwrap();
            // Now and then Tokio lets others go first.
            while read.is_pending() && messages.unread().len() < came {
                read = messages.poll_next(&mut task);
            }
            // The allocator may round up.
            assert!(messages.parts.capacity() <= AHEAD * came + 64, "{came}");
        }
        let Poll::Ready(Some(Ok(read))) = read else {
            panic!("expected the message, got {read:?}");
        };
        assert_eq!(read, message[HEAD_BYTES..]);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let whole = framed(b"abc");
        for cut in 1..whole.len() {
            assert_eq!(read(&[&whole, &whole[..cut]]).1, Some(Code::InvalidArgument), "{cut}");
        }
        for flag in [1, 2, 255] {
            assert_eq!(read(&[&[flag, 0, 0, 0, 0]]).1, Some(Code::InvalidArgument));
        }
        assert_eq!(read(&[]), (vec![], None));
    }

    #[test]
    fn a_message_over_the_limit_is_not_waited_for() {
        let (messages, problem) = read(&[&framed(&[1; LIMIT]), &[0, 0, 0, 3, 233]]);
        assert_eq!((messages.len(), problem), (1, Some(Code::ResourceExhausted)));
        assert_eq!(read(&[&[0, 255, 255, 255, 255]]).1, Some(Code::ResourceExhausted));
    }
}
