//! From the messages of a call to the engine, and back: one function for each shape of method.

use std::{
    pin::Pin,
    task::{Context as Task, Poll},
};

use bytes::Bytes;
use ferrule_engine::{Call, Context, Engine, Method, Status};
use tokio_stream::Stream;
use tonic::codec::Streaming;

use crate::{conversation::Conversation, deadline::within, service::Ongoing, status};

/// What a call is answered with.
pub(crate) enum Replies {
    /// One message.
    One(Option<Bytes>),
    /// Messages as they come.
    Many(Box<Conversation>),
}

/// One request, one response.
pub(crate) async fn unary(
    engine: &Engine,
    method: Method,
    mut messages: Streaming<Bytes>,
    context: Context,
    limit: usize,
) -> Result<Replies, Status> {
    let work = async {
        let message = only_message(&mut messages, limit).await?;
        match engine.call(method, message, context) {
            Call::Answered(answer) => answer,
            // Dropped when the caller goes away or the deadline passes, which cancels the work.
            Call::Running(pending) => pending.answered().await,
        }
    };
    let response = within(context.deadline, work).await?;
    sendable(response, limit).map(|response| Replies::One(Some(response)))
}

/// One request, any number of responses.
pub(crate) async fn server_stream(
    engine: &Engine,
    method: Method,
    mut messages: Streaming<Bytes>,
    context: Context,
    limit: usize,
) -> Result<Replies, Status> {
    let message = within(context.deadline, only_message(&mut messages, limit)).await?;
    let mut session = engine.open(method, context);
    session.receive(message);
    session.finish();
    Ok(Replies::Many(Box::new(Conversation::new(
        session, None, context, limit,
    ))))
}

/// Any number of both.
pub(crate) fn bidi_stream(
    engine: &Engine,
    method: Method,
    messages: Streaming<Bytes>,
    context: Context,
    limit: usize,
) -> Replies {
    let session = engine.open(method, context);
    Replies::Many(Box::new(Conversation::new(session, Some(messages), context, limit)))
}

/// Reads the request to its end, which must hold one message.
async fn only_message(messages: &mut Streaming<Bytes>, limit: usize) -> Result<Bytes, Status> {
    let mut next = async || {
        let read = messages.message().await;
        read.map_err(|problem| status::of_unreadable_message(&problem, limit))
    };
    match (next().await?, next().await?) {
        (Some(message), None) => Ok(message),
        _ => Err(status::of_wrong_number_of_messages()),
    }
}

/// The limit on messages holds in both directions.
pub(crate) fn sendable(response: Bytes, limit: usize) -> Result<Bytes, Status> {
    if response.len() > limit {
        return Err(Status::message_too_large(limit as u64));
    }
    Ok(response)
}

impl Replies {
    /// The replies of a call, which is ongoing until they are gone.
    pub(crate) fn of(self, call: Ongoing) -> OngoingReplies {
        OngoingReplies {
            replies: self,
            _call: call,
        }
    }
}

/// Replies on their way out.
pub(crate) struct OngoingReplies {
    replies: Replies,
    _call: Ongoing,
}

impl Stream for OngoingReplies {
    type Item = Result<Bytes, tonic::Status>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.replies {
            Replies::One(message) => Poll::Ready(message.take().map(Ok)),
            Replies::Many(conversation) => conversation
                .poll_reply(task)
                .map(|reply| reply.map(|reply| reply.map_err(status::to_wire))),
        }
    }
}
