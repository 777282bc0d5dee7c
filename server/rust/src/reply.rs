//! The body of a response: messages as gRPC frames them, then the status as trailers.

use std::{
    convert::Infallible,
    io::Cursor,
    mem,
    pin::Pin,
    task::{Context as Task, Poll},
};

use bytes::{Buf, Bytes, buf::Chain};
use http::{HeaderValue, Response, header::CONTENT_TYPE};
use hyper::body::{Body, Frame};

use crate::{conversation::Conversation, messages::HEAD_BYTES, service::Ongoing, status};

/// A message behind its five bytes.
type Framed = Chain<Cursor<[u8; HEAD_BYTES]>, Bytes>;

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
            left: Left::Replies(self),
            _call: Some(call),
        });
        let grpc = HeaderValue::from_static("application/grpc");
        response.headers_mut().insert(CONTENT_TYPE, grpc);
        response
    }
}

impl Body for Reply {
    type Data = Framed;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Result<Frame<Framed>, Infallible>>> {
        let (frame, left) = match mem::take(&mut self.left) {
            Left::Nothing => return Poll::Ready(None),
            Left::Success => (Frame::trailers(status::success()), Left::Nothing),
            Left::Replies(Replies::One(message)) => (framed(message), Left::Success),
            Left::Replies(Replies::Many(mut conversation)) => {
                let Poll::Ready(reply) = conversation.poll_reply(task) else {
                    self.left = Left::Replies(Replies::Many(conversation));
                    return Poll::Pending;
                };
                match reply {
                    Some(Ok(message)) => (framed(message), Left::Replies(Replies::Many(conversation))),
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

fn framed(message: Bytes) -> Frame<Framed> {
    // Messages over `limits.max_message_bytes`, which has 32 bits, are not sent.
    let [a, b, c, d] = (message.len() as u32).to_be_bytes();
    Frame::data(Cursor::new([0, a, b, c, d]).chain(message))
}
