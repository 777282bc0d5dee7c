//! The body of a response: messages as gRPC frames them, then the status as trailers.

use std::{
    convert::Infallible,
    mem,
    pin::Pin,
    task::{Context as Task, Poll},
};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderValue, Response, header::CONTENT_TYPE};
use hyper::body::{Body, Frame};

use crate::{conversation::Conversation, messages::HEAD_BYTES, service::Ongoing, status};

/// A message of so many bytes is copied behind its head; what is larger follows its head in a frame of its own, uncopied.
const COPIED_BYTES: usize = 1024;

/// What a call is answered with.
pub(crate) enum Replies {
    /// One message.
    One(Bytes),
    /// Messages as they come.
    Many(Box<Conversation>),
}

/// The body. By default it is empty: then the status is in the headers.
#[derive(Default)]
pub(crate) struct Reply {
    /// A message whose head is sent.
    message: Bytes,
    /// What comes after it.
    left: Left,
    _call: Option<Ongoing>,
}

/// What is still to be sent.
#[derive(Default)]
enum Left {
    Replies(Replies),
    Success,
    #[default]
    Nothing,
}

impl Replies {
    /// The response to a call, which is ongoing until it is gone.
    pub(crate) fn of(self, call: Ongoing) -> Response<Reply> {
        let mut response = Response::new(Reply {
            message: Bytes::new(),
            left: Left::Replies(self),
            _call: Some(call),
        });
        let grpc = HeaderValue::from_static("application/grpc");
        response.headers_mut().insert(CONTENT_TYPE, grpc);
        response
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.message.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(mem::take(&mut self.message)))));
        }
        let (frame, left) = match mem::take(&mut self.left) {
            Left::Nothing => return Poll::Ready(None),
            Left::Success => (Frame::trailers(status::success()), Left::Nothing),
            Left::Replies(Replies::One(message)) => (self.begun(message), Left::Success),
            Left::Replies(Replies::Many(mut conversation)) => {
                let Poll::Ready(reply) = conversation.poll_reply(task) else {
                    self.left = Left::Replies(Replies::Many(conversation));
                    return Poll::Pending;
                };
                match reply {
                    Some(Ok(message)) => (self.begun(message), Left::Replies(Replies::Many(conversation))),
                    Some(Err(status)) => (Frame::trailers(status::trailers(status)), Left::Nothing),
                    None => (Frame::trailers(status::success()), Left::Nothing),
                }
            }
        };
        self.left = left;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.left, Left::Nothing)
    }
}

impl Reply {
    /// The first frame of a message, or the only one. The rest is kept for the next.
    fn begun(&mut self, message: Bytes) -> Frame<Bytes> {
        let copied = if message.len() <= COPIED_BYTES { message.len() } else { 0 };
        let mut framed = BytesMut::with_capacity(HEAD_BYTES + copied);
        framed.put_u8(0);
        // Messages over `limits.max_message_bytes`, which has 32 bits, are not sent.
        framed.put_u32(message.len() as u32);
        if copied == message.len() {
            framed.put_slice(&message);
        } else {
            self.message = message;
        }
        Frame::data(framed.freeze())
    }
}
