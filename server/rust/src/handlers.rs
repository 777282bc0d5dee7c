//! From the messages of a call to the engine, and back: one function for each shape of method.

use std::pin::pin;

use bytes::Bytes;
use ferrule_engine::{Call, Context, Engine, Method, Status};

use crate::{conversation::Conversation, deadline::within, messages::Messages, reply::Replies, status};

/// One request, one response.
pub(crate) async fn unary(
    engine: &Engine,
    method: Method,
    messages: &mut Messages,
    context: Context,
    limit: usize,
) -> Result<Replies, Status> {
    let work = pin!(async {
        let message = only(messages).await?;
        match engine.call(method, message, context) {
            Call::Answered(answer) => answer,
            // Dropped when the caller goes away or the deadline passes, which cancels the work.
            Call::Running(pending) => pending.answered().await,
        }
    });
    let response = within(context.deadline, work).await?;
    sendable(response, limit).map(Replies::One)
}

/// One request, any number of responses.
pub(crate) async fn server_stream(
    engine: &Engine,
    method: Method,
    messages: &mut Messages,
    context: Context,
    limit: usize,
) -> Result<Replies, Status> {
    let message = within(context.deadline, pin!(only(messages))).await?;
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
    messages: Messages,
    context: Context,
    limit: usize,
) -> Replies {
    let session = engine.open(method, context);
    Replies::Many(Box::new(Conversation::new(session, Some(messages), context, limit)))
}

/// Reads the request to its end, which must hold one message.
async fn only(messages: &mut Messages) -> Result<Bytes, Status> {
    let message = messages
        .next()
        .await
        .ok_or_else(status::of_wrong_number_of_messages)??;
    if !messages.ended() && messages.next().await.transpose()?.is_some() {
        return Err(status::of_wrong_number_of_messages());
    }
    Ok(message)
}

/// The limit on messages holds in both directions.
pub(crate) fn sendable(response: Bytes, limit: usize) -> Result<Bytes, Status> {
    if response.len() > limit {
        return Err(Status::message_too_large(limit as u64));
    }
    Ok(response)
}
